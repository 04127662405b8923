"""The vendor's request signatures. Pure: a secret, a request and a time go in, a verdict comes out.

Start with `schemes`: `claim` reads what a request says about itself, `why_not` judges it. Source: reference
`api/README.md` 4 and 5; the 40 vectors of `tests/reference/signature_vectors.json` are the proof.
"""
