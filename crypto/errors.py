"""The four errors a provider may raise, and those of the key hierarchy. None carries bytes."""


class ProviderError(Exception):
    """Something a provider could not do."""


class Unavailable(ProviderError):
    """The back end does not answer: HSM gone, session lost, library missing. Trying again later may help."""


class Unsupported(ProviderError):
    """The back end never does this."""


class BadCiphertext(ProviderError):
    """The sealed bytes, the associated data or the key do not belong together. Never says which."""


class MaterialGone(ProviderError):
    """The material is not there (any more), or does not belong to the identity it was asked for."""


class RootKeyError(Exception):
    """The root key is missing, unreadable, or not the one this database was made with. The text is for the operator."""


class MissingRootKey(RootKeyError):
    """Something is sealed under a generation of the root key that is not here."""

    def __init__(self, generation: int, name: str) -> None:
        super().__init__(f"generation {generation} of the root key is not here, and keys are sealed under it; "
                         f"restore it as {name} or KMS_ROOT_KEY_NEXT, nothing was changed")
        self.generation = generation
