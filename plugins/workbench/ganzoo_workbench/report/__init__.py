"""``report.html``: what a run was, did and became, in one file that opens offline."""
