"""The rules, one small function each; every function takes a case and raises where one is broken.

None of these modules needs pytest.
"""
