"""Published test vectors, from the package `cryptography_vectors`: read once, run through the engine and through the API.

`docs/vectors.md` names sources and counts; `test_document.py` keeps it true.
"""
