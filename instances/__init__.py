"""Floor 4: KMS instances: their life, expiry and quota; opens the crypto engine that serves their keys.

May import: base, crypto, audit, access. Start with `states` and `rules` (pure), then `operations`.
"""
