"""What a refusal says to a person: a bold fact, a sentence with the facts, who can lift it, and the way there.

By reason slug, or by code where a code has one cause. A test finds every slug of the source and fails on a missing text.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from access import dates
from base.refusal import Refusal

Words = str | Promise


@dataclass(frozen=True, slots=True)
class Told:
    title: str
    sentence: str
    who: str
    way: str = ""
    url: str = ""
    command: str = ""

    @property
    def full(self) -> str:
        """The sentence and who can lift it; Chinese and Japanese sentences stand without a space between them."""
        gap = "" if get_language() in ("ja", "zh-hans") else " "
        return gap.join(part for part in (self.sentence, self.who) if part)


TEXTS: dict[str, tuple[Words, Words]] = {
    # permission
    "Forbidden.NoPermission": (_("Your role does not allow this"), _("It needs the permission %(action)s.")),
    # what does not exist, or is gone
    "Forbidden.KeyNotFound": (_("There is no such key"), _("No key of your account is called %(key)s.")),
    "key_destroyed": (_("The key is destroyed"), _("Its material is gone. Nobody can bring it back.")),
    "Forbidden.AliasNotFound": (_("There is no such alias"), _("No alias of your account is called %(alias)s.")),
    "Forbidden.KeyVersionNotFound": (_("There is no such version"), _("This key has no version %(version)s.")),
    "Forbidden.DKMSInstanceNotFound": (_("There is no such instance"),
                                       _("No instance of your account is called %(instance)s.")),
    "Unsupported.Alias": (_("An alias does not work here"), _("Use the ID of the key instead of %(alias)s.")),
    # kind of key
    "service_key": (_("It is a service key"), _("%(service)s made this key and manages it. It is read-only and costs "
                                                "nothing: there is nothing to clean up.")),
    "legacy_read_only": (_("It is a 1.0 key"), _("Keys made in the 1.0 console (shared edition) are read-only here. "
                                                 "Calls through the API keep working.")),
    "default_key_serves_services_only": (_("The default key serves cloud services only"),
                                         _("For data of your own, create a key in an instance.")),
    "one_default_key": (_("There is a default key already"), _("An account has one default key outside its instances.")),
    # state of the key
    "Rejected.Disabled": (_("The key is disabled"), _("Enable it first.")),
    "Rejected.PendingDeletion": (_("The key is scheduled for deletion"),
                                 _("It will be destroyed on %(delete_at)s. Cancel the deletion first.")),
    "Rejected.PendingImport": (_("The key has no material yet"), _("It waits for the import of key material.")),
    "Rejected.Unavailable": (_("The key is unavailable"), _("Its instance gives no service now.")),
    "Rejected.Enabled": (_("The key is enabled"), _("This needs another state of the key.")),
    "nothing_to_cancel": (_("No deletion is scheduled"), _("There is nothing to cancel.")),
    "already_scheduled": (_("A deletion is scheduled already"),
                          _("The key will be destroyed on %(delete_at)s. To change the date, cancel and schedule again.")),
    "moved_Enabled": (_("The key is enabled"), _("This needs another state of the key.")),
    "moved_Disabled": (_("The key is disabled"), _("Enable it first.")),
    "moved_PendingDeletion": (_("The key is scheduled for deletion"),
                              _("It will be destroyed on %(delete_at)s. Cancel the deletion first.")),
    "moved_PendingImport": (_("The key has no material yet"), _("It waits for the import of key material.")),
    "moved_Unavailable": (_("The key is unavailable"), _("Its instance gives no service now.")),
    "changed_meanwhile": (_("It changed since you opened this page"),
                          _("Somebody was faster. Look at the new state, then try again.")),
    "not_due": (_("The date has not come"), _("Only the clock destroys keys, on the scheduled date.")),
    "ServiceUnavailableTemporary": (_("The key store does not answer"), _("Try again in a minute.")),
    # instance
    "instance_expired": (_("The instance has expired"),
                         _("%(name)s expired on %(end_at)s. Its keys work again as soon as it is renewed. "
                           "After %(renew_by)s it can be released.")),
    "instance_released": (_("The instance is released"), _("%(name)s is gone with its keys. Nobody can bring it back.")),
    "instance_not_enabled": (_("The instance is not enabled"), _("%(name)s takes keys once it is enabled.")),
    "instance_not_ready": (_("The instance gives no service"), _("%(name)s is in the state %(state)s.")),
    "instance_already_enabled": (_("The instance is enabled already"), _("%(name)s is in the state %(state)s.")),
    "quota_keys": (_("The instance is full"), _("%(name)s holds %(used)s of %(limit)s key versions.")),
    "months_out_of_range": (_("The period is out of range"), _("Choose %(low)s to %(high)s months.")),
    # deletion protection
    "deletion_protection_key": (_("Deletion protection is on"), _("It is set on this key. %(description)s")),
    "deletion_protection_instance": (_("Deletion protection is on"),
                                     _("It is set on the instance %(name)s. %(description)s")),
    # parameters
    "window_out_of_range": (_("The waiting time is out of range"), _("Choose %(low)s to %(high)s days.")),
    "alias_syntax": (_("The alias has characters that are not allowed"),
                     _("Use letters, digits, hyphen, underscore and slash, at most 255.")),
    "alias_reserved": (_("This prefix is reserved"), _("Names that begin with acs belong to service keys.")),
    "AliasAlreadyExists": (_("The alias is taken"),
                           _("%(alias)s points at a key already. Choose another name, or point it at this key.")),
    "not_base64": (_("The data is not Base64"), _("%(name)s must be Base64 text.")),
    "plaintext_size": (_("The data is too long"), _("A key encrypts up to 6,144 bytes. For more, use a data key.")),
    "data_key_size": (_("The data key has a wrong length"), _("Ask for 1 to 1,024 bytes.")),
    "bad_ciphertext": (_("The ciphertext cannot be decrypted"), _("It was changed, cut off, or encrypted with another context.")),
    "too_long": (_("The text is too long"), _("%(name)s may have %(limit)s characters.")),
    "unknown_value": (_("The value is unknown"), _("%(name)s does not know %(value)s.")),
    "unknown_filter": (_("The filter is unknown"), _("Clear the filter and choose again.")),
    "too_many_tags": (_("There are too many tags"), _("A key may have %(limit)s tags.")),
    "Duplicate.TagKey": (_("A tag is there twice"), _("Every tag needs a name of its own.")),
    "InvalidParameter.TagKey": (_("The name of a tag is not allowed"), _("%(name)s cannot be the name of a tag.")),
    "InvalidParameter.TagValue": (_("The value of a tag is not allowed"),
                                  _("The value of %(name)s has characters that are not allowed.")),
    "InvalidParameter": (_("A value is not allowed"), _("%(name)s has a value that is not allowed.")),
    "MissingParameter": (_("A value is missing"), _("%(name)s is needed.")),
    # what later versions bring
    "spec_not_yet": (_("This key spec cannot be made yet"), _("A later version brings %(spec)s.")),
    "spec_needs_hardware": (_("This key spec needs a hardware instance"), _("A software instance makes AES-256 keys.")),
    "policy_not_yet": (_("Key policies cannot be set yet"), _("A later version brings them.")),
    "parameter_not_yet": (_("This cannot be set yet"), _("A later version brings %(name)s.")),
    "Unsupported.ProtectionLevel": (_("This protection level is not offered here"), _("It needs a hardware instance.")),
    "DryRunOperationError": (_("It was a dry run"), _("Everything is in order; nothing was changed.")),
}

WHO: dict[str, Words] = {
    "administrator": _("An administrator can change this."),
    "owner": _("The owner of the account can change this."),
    "operator": _("The operator of this installation can change this."),
    "service": _("Only that service can change it."),
    "time": _("It passes by itself."),
}

# Where this version has no page yet for the one who could lift it.
NOT_YET: dict[str, Words] = {
    "legacy_read_only": _("Moving it to 3.0 comes with a later version."),
    "deletion_protection_key": _("The switch comes with a later version."),
    "deletion_protection_instance": _("The switch comes with a later version."),
    "Rejected.PendingImport": _("Importing comes with a later version."),
    "moved_PendingImport": _("Importing comes with a later version."),
}


def _of_key(view: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda facts: reverse(view, args=[facts["key"]])


def _of_instance(facts: Mapping[str, Any]) -> str:
    return reverse("instances:detail", args=[facts["instance"]])


WAYS: dict[str, tuple[Words, Callable[[Mapping[str, Any]], str]]] = {
    "EnableKey": (_("Enable key"), _of_key("keys:enable")),
    "CancelKeyDeletion": (_("Cancel deletion"), _of_key("keys:cancel_deletion")),
    "RenewInstance": (_("Go to the instance"), _of_instance),
    "ConnectKmsInstance": (_("Go to the instance"), _of_instance),
    "page:instance": (_("Go to the instance"), _of_instance),
    "SetDeletionProtection": (_("Go to the instance"), _of_instance),
    "CreateKey": (_("Create key"), lambda facts: reverse("keys:new")),
    "UpdateAlias": (_("Show the alias"), lambda facts: f"{reverse('aliases:list')}?q={facts['alias'].removeprefix('alias/')}"),
}

COMMANDS: dict[str, str] = {"RenewInstance": "manage.py renew_instance {instance} --months 12"}


def told(refusal: Refusal) -> Told:
    """The refusal in the reader's language. Raises KeyError for a slug without a text."""
    title, sentence = TEXTS[refusal.slug]
    shown = defaultdict(str, {name: _shown(value) for name, value in refusal.facts.items()})
    way, url = WAYS.get(refusal.lifted_by, ("", None))
    address = _address(url, refusal.facts) if url else ""
    command = COMMANDS.get(refusal.lifted_by, "")
    who = NOT_YET.get(refusal.slug) or WHO.get(refusal.who, "")
    return Told(str(title), (str(sentence) % shown).strip(), str(who), str(way) if address else "", address,
                command.format(**refusal.facts) if command else "")


def _address(url: Callable[[Mapping[str, Any]], str], facts: Mapping[str, Any]) -> str:
    """Empty where the refusal does not know the object: then there is a sentence, but no link."""
    try:
        return url(facts)
    except KeyError:
        return ""


def _shown(value: Any) -> str:
    if isinstance(value, datetime):
        return dates.clock_time(value)
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
