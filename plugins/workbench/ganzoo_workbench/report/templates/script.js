"use strict";

for (const slider of document.querySelectorAll(".timeline input")) {
  const film = slider.closest(".film");
  const steps = slider.dataset.steps.split(" ").map(Number);
  const show = () => {
    const at = Number(slider.value);
    const told = steps[at].toLocaleString("en");
    film.querySelector("output").textContent = told;
    slider.setAttribute("aria-valuetext", `turn ${told}`);
    for (const figure of film.querySelectorAll("figure")) {
      const pictures = [...figure.querySelectorAll("[data-frame]")];
      // Where this turn has no picture of the kind, the one before it stays.
      const past = pictures.filter((each) => Number(each.dataset.frame) <= at);
      for (const each of pictures) each.hidden = each !== (past.at(-1) ?? pictures[0]);
    }
  };
  slider.addEventListener("input", show);
  slider.parentElement.hidden = false;
  show();
}

for (const button of document.querySelectorAll(".copy")) {
  const code = button.previousElementSibling;
  const word = button.firstChild;
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(code.textContent);
      word.data = "Copied";
    } catch {
      getSelection().selectAllChildren(code);
      word.data = "Selected";
    }
    setTimeout(() => { word.data = "Copy"; }, 1500);
  });
}

for (const chart of document.querySelectorAll(".chart")) {
  const svg = chart.querySelector("svg");
  const cursor = chart.querySelector(".cursor");
  const readout = chart.querySelector(".readout");
  const heads = [...chart.querySelectorAll("thead th")].slice(1);
  const rows = [...chart.querySelectorAll("tbody tr")];
  const { left, right, first, last } = Object.fromEntries(
    Object.entries(svg.dataset).map(([key, value]) => [key, Number(value)]));
  // In a report of several runs each column is a run; else the first one is the curve.
  const columns = heads[0].className ? heads : heads.slice(0, 1);
  const tell = (cells, at = "") => {
    const told = columns.map((head, column) => {
      const value = document.createElement("span");
      value.className = head.className;
      value.textContent = (head.className ? `${head.textContent} ` : "") + cells[column];
      return value;
    });
    readout.replaceChildren(at, ...told.flatMap((value) => [" ", value]));
  };
  const told = (row, column) => row.cells[column + 1].textContent;
  const tellLast = () =>
    tell(columns.map((_, column) => {
      const known = rows.filter((row) => told(row, column) !== "\u2013");
      return told(known.at(-1), column);
    }));
  const place = (row) => left + (right - left) * (Number(row.dataset.step) - first) / (last - first);
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const x = (event.clientX - box.left) * svg.viewBox.baseVal.width / box.width;
    const near = rows.reduce((best, row) =>
      Math.abs(place(row) - x) < Math.abs(place(best) - x) ? row : best);
    cursor.setAttribute("x1", place(near));
    cursor.setAttribute("x2", place(near));
    cursor.removeAttribute("hidden");
    tell(columns.map((_, column) => told(near, column)), `turn ${near.cells[0].textContent}`);
  });
  svg.addEventListener("pointerleave", () => {
    cursor.setAttribute("hidden", "");
    tellLast();
  });
  tellLast();
}
