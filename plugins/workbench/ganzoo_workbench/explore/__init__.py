"""A local page on which the codes of a trained model are moved by hand.

``explorer`` turns a view into a picture, with no page around it; ``page`` is the page; ``serving``
brings it to a browser.
"""
