"""The vendor's Node SDKs: their packages, pinned, and a small program that drives them."""
