"""What the codes that a model reads from images mean, and how well they survive generation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganzoo.draw import generator_for
from ganzoo.metrics import NotApplicable, Score
from ganzoo.metrics import codes as measure
from ganzoo.metrics.progress import tracked
from ganzoo.metrics.samples import kl_to_uniform
from ganzoo_evaluation.marks import images_mark

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ganzoo.latents import Latents, Prior
    from ganzoo.loaded import Loaded, Split
    from ganzoo.model import Batch, Networks

Array = NDArray[np.float64]

CHUNK = 1000
"""Images in memory at a time."""

SEED = 0
"""Of the latents and of the choice of images, so that equal models get equal scores."""

_CPU = torch.device("cpu")

NO_CODES = "this model reads no codes from images"
OTHER_CODES = "this model reads other codes than its latents hold"


@runtime_checkable
class Reader(Protocol):
    """A model that gives the raw outputs that its codes are read from."""

    def read(self, nets: Networks, batch: Batch) -> Mapping[str, Tensor]:
        """Outputs (n, code.outputs) by the code's name, for ``batch["image"]``."""
        ...


@dataclass(frozen=True)
class _Labelled:
    """Images of one split that have a label, in the order in which they are read."""

    split: Split
    indices: Tensor
    labels: measure.Integers

    def part(self, start: int, stop: int) -> _Labelled:
        return _Labelled(self.split, self.indices[start:stop], self.labels[start:stop])


def categories(loaded: Loaded, budget: int) -> dict[str, Score]:
    """Score each categorical code as a clustering of real images against their labels.

    ``category_accuracy`` matches categories with classes one to one, ``majority_accuracy_k<K>`` by
    majority; both on training images, and both are scored on test images. Without labelled test
    images that the model was not trained on, both use training images, but different ones. Where
    the prior does not say how many categories a code has, there is no score that depends on it.

    Raises:
        NotApplicable: there are no categories, no labels or those of one class only, or one
            category alone is read and nothing says that there are more.
    """
    fitted_on, scored_on = _halves(loaded, budget)
    if any(np.ptp(part.labels) == 0 for part in (fitted_on, scored_on)):
        raise NotApplicable(f"{loaded.data_name} has labels of one class only")
    fitted, scored = _categories_of(loaded, fitted_on), _categories_of(loaded, scored_on)
    classes = 1 + int(max(fitted_on.labels.max(), scored_on.labels.max()))
    result: dict[str, Score] = {}
    for name, found in scored.items():
        k = _category_count(loaded, name)
        both = np.concatenate([fitted[name], found])
        if k is None and np.ptp(both) == 0:
            continue
        given = (fitted[name], fitted_on), (found, scored_on)
        result |= _category_scores(name, k, classes, *given)
    if not result:
        raise NotApplicable(
            f"one category of {', '.join(scored)} is read from all images, and no prior says how "
            "many there are"
        )
    return result


def _category_scores(
    name: str,
    known: int | None,
    classes: int,
    fitted: tuple[measure.Integers, _Labelled],
    scored: tuple[measure.Integers, _Labelled],
) -> dict[str, Score]:
    (seen, fitted_on), (found, scored_on) = fitted, scored
    split, labels = scored_on.split.name, scored_on.labels
    k = max(known or 0, 1 + int(max(seen.max(), found.max())))
    used = measure.used_categories(found, k)
    counts = measure.contingency(found, labels, k, classes)
    source = f"{len(seen):,} {'other ' * (fitted_on.split is scored_on.split)}"
    source += f"{fitted_on.split.name} images"
    usage = f"{used} of {k} in use" if known else f"{used} in use, and no prior says of how many"
    if split.startswith("train"):
        usage += "; the model was trained on these images, data.test_split can name others"
    common = {"images": images_mark(scored_on.split)}

    def score(value: float, label: str, unit: str, note: str = "", **extra: object) -> Score:
        extra = common | extra
        conditions = [key for key in ("images", "matched_on", "matched_n") if key in extra]
        return Score(value, split, len(labels), label, unit, note, extra, conditions)

    def matched(matching: measure.Integers, label: str, note: str) -> Score:
        accuracy = measure.accuracy_under(matching, found, labels)
        return score(
            accuracy,
            label,
            "share",
            note,
            standard_error=_share_error(accuracy, len(labels)),
            matching=matching.tolist(),
            matched_on=fitted_on.split.name,
            matched_n=len(seen),
            categories=known and k,
            used_categories=used,
        )

    accuracy = matched(
        measure.hungarian_matching(seen, fitted_on.labels, k, classes),
        "accuracy",
        f"categories matched one to one with classes on {source}; {usage}",
    )
    result = {f"category_accuracy/{name}": replace(accuracy, headline=True)}
    if known:
        result[f"majority_accuracy_k{k}/{name}"] = matched(
            measure.majority_matching(seen, fitted_on.labels, k, classes),
            f"majority, K = {k}",
            f"accuracy if each category means its commonest class on {source}",
        )
    result |= {
        f"nmi/{name}": score(measure.nmi(found, labels), "NMI", ""),
        f"ari/{name}": score(measure.ari(found, labels), "ARI", ""),
        f"purity/{name}": score(
            float(counts.max(axis=1).sum() / counts.sum()),
            "purity",
            "share",
            "share of the images whose label is the commonest in their category",
            by_category=[row.max() / row.sum() if row.any() else None for row in counts],
        ),
    }
    if known:
        result[f"category_kl/{name}"] = score(
            kl_to_uniform(torch.from_numpy(counts.sum(axis=1) / counts.sum())),
            "KL of categories",
            "nats",
            "of the categories read from real images, to even ones",
            images_by_category=counts.sum(axis=1).tolist(),
        )
    return result


def recovery(loaded: Loaded, budget: int) -> dict[str, Score]:
    """Generate images from known codes, read the codes back, and compare.

    ``generated_accuracy`` for a categorical code; ``r2`` and ``spearman`` for a continuous one, and
    ``leakage``: how far the reading follows another continuous code.
    """
    prior = _prior(loaded)
    sampled: dict[str, list[Tensor]] = {}
    read: dict[str, list[Tensor]] = {}
    for latents, images in generated(loaded, budget):
        codes = loaded.encode(images)
        if codes is None:
            raise NotApplicable(NO_CODES)
        for name in prior.codes:
            if name in codes:
                sampled.setdefault(name, []).append(_flat(name, latents.parts[name]))
                read.setdefault(name, []).append(_flat(name, codes[name]))
    if not sampled:
        raise NotApplicable(OTHER_CODES)
    result = {}
    continuous: dict[str, tuple[Array, Array]] = {}
    for name, values in sampled.items():
        truth, reading = torch.cat(values), torch.cat(read[name])
        if truth.is_floating_point():
            continuous[name] = reading.double().numpy(), truth.double().numpy()
            continue
        agreement = float((reading == truth).double().mean())
        result[f"generated_accuracy/{name}"] = Score(
            agreement,
            None,
            len(truth),
            label="read back",
            unit="share",
            extra={"standard_error": _share_error(agreement, len(truth))},
        )
    for name in continuous:
        result |= _continuous_scores(name, continuous)
    return result


def _flat(name: str, values: Tensor) -> Tensor:
    """A code (n,) or (n, 1) as (n,)."""
    if values.shape not in ((len(values),), (len(values), 1)):
        each = " x ".join(map(str, values.shape[1:]))
        raise NotApplicable(f"code {name} has {each} numbers for each image, where one is scored")
    return values.reshape(-1).cpu()


def _continuous_scores(name: str, codes: Mapping[str, tuple[Array, Array]]) -> dict[str, Score]:
    """Score one of ``codes``, which are readings and sampled values by name."""
    reading, truth = codes[name]

    def score(value: float, label: str, note: str = "", **extra: object) -> Score:
        return Score(value, None, len(truth), label=label, note=note, extra=extra)

    leakage = {
        other: measure.spearman(reading, sampled)
        for other, (_, sampled) in codes.items()
        if other != name
    }
    result = {
        f"r2/{name}": score(measure.r2(reading, truth), "R²"),
        f"spearman/{name}": score(measure.spearman(reading, truth), "Spearman", leakage=leakage),
    }
    if leakage:
        worst = max(leakage, key=lambda other: abs(leakage[other]))
        result[f"leakage/{name}"] = score(
            abs(leakage[worst]),
            "leakage",
            f"largest |Spearman| of the reading with another code, here {worst}",
            code=worst,
        )
    return result


def information(loaded: Loaded, budget: int) -> dict[str, Score]:
    """Estimate L_I = H(c) + E[log Q(c | G(z, c))] of each code, in nats.

    It is a lower bound of the mutual information of code and image (Chen et al. 2016, equation 5).
    """
    prior = _prior(loaded)
    model = loaded.model
    if not isinstance(model, Reader):
        raise NotApplicable("this model has no Q that says how likely a code is")
    nll: dict[str, list[Tensor]] = {}
    discrete = set()
    with torch.inference_mode():
        for latents, images in generated(loaded, budget):
            outputs = model.read(loaded.nets, {"image": images})
            for name in prior.codes.keys() & outputs.keys():
                values, code = latents.parts[name], prior.codes[name]
                if not values.is_floating_point():
                    discrete.add(name)
                found = code.nll(outputs[name].float(), values).cpu().double()
                nll.setdefault(name, []).append(found)
    if not nll:
        raise NotApplicable(OTHER_CODES)
    return {
        f"mi_nats/{name}": _information_score(
            torch.cat(parts), prior.codes[name].entropy, discrete=name in discrete
        )
        for name in prior.codes
        if (parts := nll.get(name))
    }


def _information_score(nll: Tensor, entropy: float, *, discrete: bool) -> Score:
    extra = {"entropy": entropy, "standard_error": float(nll.std(correction=0)) / len(nll) ** 0.5}
    if discrete:
        extra["ceiling"] = entropy
        note = "a lower bound of the mutual information of code and image, beside its entropy"
    else:
        note = "may be below 0, and depends on the deviations that Q is allowed to state"
    value = entropy - float(nll.mean())
    return Score(
        value,
        None,
        len(nll),
        label="L_I",
        unit="nats",
        note=note,
        extra=extra,
        headline=discrete,
    )


def _share_error(share: float, n: int) -> float:
    return float(np.sqrt(share * (1 - share) / n))


def _prior(loaded: Loaded) -> Prior:
    if loaded.prior is None or not loaded.prior.codes:
        raise NotApplicable("this model's latents hold no codes")
    return loaded.prior


def generated(loaded: Loaded, count: int) -> Iterator[tuple[Latents, Tensor]]:
    """Yield ``count`` latents and their images, :data:`CHUNK` at a time."""
    latents = loaded.draw(count, SEED)
    starts = range(0, count, CHUNK)
    for start in tracked(starts, "generating images", len(starts)):
        chunk = latents.rows(slice(start, start + CHUNK))
        yield chunk, loaded.generate(chunk, seed=SEED + start)


def _halves(loaded: Loaded, budget: int) -> tuple[_Labelled, _Labelled]:
    """Give the images to fit a matching on, and others to score it on."""
    splits = [split for split in map(loaded.split, ("train", "test")) if split is not None]
    if not splits:
        raise NotApplicable("the images of the data are not at hand")
    _require_categories(loaded, splits[0])
    labelled = [part for split in splits if (part := _labelled(split, budget)) is not None]
    if not labelled:
        raise NotApplicable(f"{loaded.data_name} has no labels to compare the categories with")
    if len(labelled) == 2:
        return labelled[0], labelled[1]
    only = labelled[0]
    middle = len(only.labels) // 2
    if middle == 0:
        raise NotApplicable(f"{loaded.data_name} has a single labelled image")
    return only.part(0, middle), only.part(middle, len(only.labels))


def _require_categories(loaded: Loaded, split: Split) -> None:
    codes = loaded.encode(loaded.normalise(split.images(torch.arange(min(2, len(split))))))
    if codes is None:
        raise NotApplicable(NO_CODES)
    if all(values.is_floating_point() for values in codes.values()):
        raise NotApplicable("this model reads no categorical code")


def _labelled(split: Split, budget: int) -> _Labelled | None:
    """At most ``budget`` labelled images, chosen evenly since data may be sorted by class."""
    order = torch.randperm(len(split), generator=generator_for(_CPU, SEED, split.name))
    chosen: list[Tensor] = []
    labels: list[Tensor] = []
    for indices in torch.split(order, budget):
        found = split.labels(indices)
        if found is None:
            return None
        known = found.cpu() >= 0
        chosen.append(indices[known])
        labels.append(found.cpu()[known])
        if sum(map(len, chosen)) >= budget:
            break
    kept = torch.cat(chosen)[:budget]
    if len(kept) == 0:
        return None
    return _Labelled(split, kept, torch.cat(labels)[:budget].numpy().astype(np.int64))


def _categories_of(loaded: Loaded, images: _Labelled) -> dict[str, measure.Integers]:
    """Read the categorical codes of images, (n,) each."""
    found: dict[str, list[Tensor]] = {}
    chunks = torch.split(images.indices, CHUNK)
    for indices in tracked(chunks, f"reading {images.split.name} images", len(chunks)):
        chunk = images.split.images(indices)
        codes = loaded.encode(loaded.normalise(chunk)) or {}
        for name, values in codes.items():
            if not values.is_floating_point():
                found.setdefault(name, []).append(_flat(name, values))
    return {name: torch.cat(parts).numpy().astype(np.int64) for name, parts in found.items()}


def _category_count(loaded: Loaded, name: str) -> int | None:
    """How many categories a code has; None if the prior does not say."""
    known = loaded.prior.codes if loaded.prior is not None else {}
    return known[name].categories if name in known else None
