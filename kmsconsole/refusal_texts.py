"""What a refusal says to a person: a bold fact, a sentence with the facts, who can lift it, and the way there.

By reason slug, or by code where a code has one cause. A test finds every slug of the source and fails on a missing text.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from access import dates
from base.refusal import Refusal
from crypto.hsm.troubles import Trouble
from kmsconsole import backup_texts, hsm_words, migration_texts

Words = str | Promise


@dataclass(frozen=True, slots=True)
class Told:
    title: str
    sentence: str
    who: str
    way: str = ""
    url: str = ""
    command: str = ""
    also: str = ""
    also_url: str = ""

    @property
    def full(self) -> str:
        """The sentence and who can lift it."""
        return _joined((self.sentence, self.who))


TEXTS: dict[str, tuple[Words, Words]] = {
    # permission
    "Forbidden.NoPermission": (_("Your role does not allow this"), _("It needs the permission %(action)s.")),
    "denied_by_policy": (_("A policy denies this"), _("Statement %(statement)s of the policy %(policy)s denies %(action)s.")),
    "policy_too_large": (_("The policy is too long"), _("A policy may have %(limit)s bytes.")),
    "policy_not_json": (_("The policy is not JSON"), _("Look for a missing comma or quote, or a name that is there twice.")),
    "policy_version": (_("The version of the policy is not known"), _('It must say "Version": "%(version)s".')),
    "policy_statements": (_("The policy has no statements"),
                          _("It holds Version and Statement, a list of at least one, and nothing else.")),
    "policy_element": (_("A statement of the policy is not valid"),
                       _("In statement %(statement)s, %(element)s is missing or has a value that is not allowed.")),
    "policy_unknown_element": (_("A statement of the policy says something that is not supported"),
                               _("Statement %(statement)s has the element %(element)s.")),
    "policy_locks_everybody_out": (_("Nobody could administer the key any more"),
                                   _("At least one active user of your account must keep %(actions)s.")),
    "policy_needs_instance": (_("This key has no policy"), _("Only keys in an instance have one.")),
    "key_policy_not_found": (_("There is no such policy"), _("A key has one policy, and it is called default.")),
    "user_policy_name": (_("The name of the policy is not allowed"), _("Use letters, digits and hyphen, at most 128.")),
    "user_policy_not_found": (_("There is no such policy"), _("%(user)s has no policy called %(policy)s.")),
    # people and AccessKeys
    "EntityNotExist.User": (_("There is no such person"), _("Nobody of your account is called %(user)s.")),
    "EntityNotExist.User.AccessKey": (_("There is no such AccessKey"),
                                      _("No AccessKey of your account is called %(access_key)s.")),
    "EntityAlreadyExists.User": (_("The name is taken"), _("Somebody is called %(user)s already. Choose another name.")),
    "user_name_syntax": (_("The name is not allowed"), _("Use letters, digits and . _ @ + -, at most 64.")),
    "superuser_guarded": (_("This person administers the installation"),
                          _("%(user)s is a superuser; only another one can change this.")),
    "not_yourself": (_("You cannot switch yourself off"), _("You could not sign in any more.")),
    "own_password": (_("This is your own account"), _("Change your password on your own page; it asks for the current one.")),
    "own_factor": (_("This is your own account"), _("Change your second factor on your own page.")),
    "last_administrator": (_("Nobody could administer the account any more"),
                           _("%(user)s is the last one who can. Make somebody else administrator first.")),
    "user_inactive": (_("The person is switched off"), _("%(user)s cannot sign in.")),
    "user_active": (_("The person is switched on"), _("%(user)s can sign in; there is nothing to do.")),
    "no_second_factor": (_("There is no second factor"), _("%(user)s signs in with the password alone.")),
    "access_key_active": (_("The AccessKey is enabled"), _("Disable it first, and watch whether something still needs it.")),
    "session_not_found": (_("The session has ended already"), _("There is nothing to do.")),
    # what does not exist, or is gone
    "Forbidden.KeyNotFound": (_("There is no such key"), _("No key of your account is called %(key)s.")),
    "key_destroyed": (_("The key is destroyed"), _("Its material is gone. Nobody can bring it back.")),
    "Forbidden.AliasNotFound": (_("There is no such alias"), _("No alias of your account is called %(alias)s.")),
    "Forbidden.KeyVersionNotFound": (_("There is no such version"), _("This key has no version %(version)s.")),
    "Forbidden.DKMSInstanceNotFound": (_("There is no such instance"),
                                       _("No instance of your account is called %(instance)s.")),
    "InvalidResourceId.NotFound": (_("There is no such resource"), _("Nothing of your account is called %(resource)s.")),
    "no_such_secret": (_("There is no such secret"), _("No secret of your account is called %(secret)s.")),
    "no_certificates": (_("Certificates are not managed here"), _("Only keys can carry tags.")),
    "no_default_instance": (_("There is no default instance"), _("Name the instance you mean.")),
    "Forbidden.Opened": (_("The service is open already"), _("There is nothing to open.")),
    "Rejected.Throttling": (_("Too many calls in one second"),
                            _("This kind of call may come %(limit)s times a second. Try again in a moment.")),
    "Unsupported.Alias": (_("An alias does not work here"), _("Use the ID of the key instead of %(alias)s.")),
    # kind of key
    "service_key": (_("It is a service key"), _("%(service)s made this key and manages it. It is read-only and costs "
                                                "nothing: there is nothing to clean up.")),
    "legacy_read_only": (_("It is a 1.0 key"), _("Keys made in the 1.0 console (shared edition) are read-only here. "
                                                 "Calls through the API keep working.")),
    "default_key_serves_services_only": (_("The default key serves cloud services only"),
                                         _("For data of your own, create a key in an instance.")),
    "one_default_key": (_("There is a default key already"), _("An account has one default key outside its instances.")),
    "not_a_legacy_key": (_("It is not a 1.0 key"), _("The 1.0 console manages keys from 1.0 only.")),
    "legacy_ended": (_("The 1.0 console is closed"), _("Its end of service has passed. Keys can still be deleted there, or moved "
                                                       "to an instance.")),
    "legacy_takes_no_keys": (_("1.0 takes no new keys"), _("Its end of service has passed. Create the key in an instance.")),
    "quota_legacy_keys": (_("1.0 is full"), _("An account may have %(limit)s keys there.")),
    "quota_legacy_aliases": (_("1.0 is full"), _("An account may have %(limit)s aliases there.")),
    "quota_legacy_versions": (_("1.0 is full"), _("An account may have %(limit)s key versions there.")),
    "legacy_id_taken": (_("The ID is taken"), _("Another key or version has the ID of %(key)s or of one of its versions.")),
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
    # hardware
    "hardware_needs_cluster": (_("A hardware instance needs an HSM cluster"),
                               _("The API cannot enable it: connect it to its cluster on its page, or with connect_hsm.")),
    "instance_disconnected": (_("The instance is disconnected from its HSM"),
                              _("Its keys are unavailable until it is connected.")),
    "hsm_needs_hardware_instance": (_("This is no hardware instance"), _("Only hardware instances keep their keys in an HSM.")),
    "hsm_not_connected": (_("The instance is not connected"), _("There is nothing to disconnect.")),
    "hsm_cluster_taken": (_("The HSM cluster serves another instance"), _("%(cluster)s is bound to %(other)s.")),
    "hsm_cluster_for_good": (_("The instance is bound to another HSM cluster"),
                             _("Its keys are in the cluster it was enabled with.")),
    "hsm_all_members_needed": (_("A member of the HSM cluster is away"), _("Keys are made only while every member answers.")),
    "hsm_check_failed": (_("A check of the HSM cluster did not pass"), _("%(member)s: %(trouble)s. %(detail)s")),
    "hsm_too_slow": (_("The HSM took too long"), _("What was made meanwhile has been given up. Try again.")),
    "hsm_not_found": (_("There is no such HSM cluster"), _("No cluster of your account is called %(cluster)s.")),
    "hsm_name": (_("The name is not allowed"), _("Use 1 to 64 letters, digits and . _ / + = @ -.")),
    "hsm_name_taken": (_("The name is taken"), _("There is an HSM cluster called %(name)s already.")),
    "hsm_too_few": (_("A cluster has two or more members"), _("Name %(limit)s or more different tokens.")),
    "hsm_label_twice": (_("Two tokens have this label"), _("Use the serial instead of %(value)s.")),
    "hsm_pin_source": (_("The PIN cannot be found this way"), _("Name an environment variable, or a file by its full path.")),
    "hsm_internal_never_rotates": (_("Keys inside an HSM do not rotate"),
                                   _("Only symmetric keys with the storage mechanism HsmEncryptedDatabase do.")),
    "hardware_imports_symmetric_only": (_("Hardware instances take symmetric material only"),
                                        _("A key of the spec %(spec)s is made in the HSM, or goes into a software instance.")),
    "spec_not_in_hardware": (_("Hardware instances do not have this key spec"), _("Use a software instance for %(spec)s.")),
    "spec_not_in_token": (_("The HSM cannot make this key"), _("Its tokens lack a mechanism for %(spec)s.")),
    "storage_needs_hardware": (_("Only hardware instances have storage mechanisms"), _("Leave %(name)s out.")),
    "material_gone": (_("The key material is missing"),
                      _("It is not where it was kept, and is never made anew. Restore the key store from its own backup.")),
    # imported material
    "origin_not_external": (_("The material was made here"), _("Only keys of origin EXTERNAL take material of your own.")),
    "legacy_imports_no_key_pairs": (_("1.0 keys import symmetric material only"),
                                    _("To import a key pair, create a key in an instance.")),
    "wrapping_does_not_fit": (_("The wrapping algorithm does not fit this key"), _("For %(spec)s use %(fitting)s.")),
    "InvalidImportToken": (_("The import token is not valid"),
                           _("Use the token and the wrapping key of one and the same download for this key.")),
    "ExpiredImportToken": (_("The import token has expired"), _("It was valid until %(expires_at)s. Download a new one.")),
    "expiry_in_the_past": (_("The expiry lies in the past"), _("The material would have expired on %(expires_at)s.")),
    "InvalidKeyMaterial": (_("The material is not valid"), _("Wrap what the key spec needs: %(spec)s.")),
    "material_does_not_open": (_("The material cannot be unwrapped"),
                               _("Wrap it with the public key and the algorithm of this import token.")),
    "material_length": (_("The material has the wrong length"), _("%(spec)s needs exactly %(length)s bytes.")),
    "material_is_no_key_pair": (_("The material is not a private key of this kind"),
                                _("%(spec)s needs an unencrypted private key as PKCS#8 DER.")),
    "material_differs": (_("It is not the same material"),
                         _("This key was bound to its first material for good. Other material needs a key of its own.")),
    "material_not_expired": (_("The material has not expired"), _("Only the clock does this, at the expiry time.")),
    "provider_takes_no_material": (_("The key store takes no material from outside"), _("It cannot hold %(spec)s from you.")),
    # rotation
    "imported_never_rotates": (_("Keys with imported material do not rotate"),
                               _("Create a key with new material and point the alias at it.")),
    "default_key_never_rotates": (_("The default key does not rotate"), _("Keys in an instance do.")),
    "legacy_rotates_by_itself": (_("This key takes no version by hand"), _("Set up automatic rotation instead.")),
    "only_symmetric_rotates": (_("Only symmetric keys rotate"),
                               _("Create a new key and point the alias at it; keep the old one for what it signed or "
                                 "encrypted.")),
    "interval_syntax": (_("The interval is not understood"), _("Write a number and a unit: 30d, 720h, 2592000s.")),
    "interval_out_of_range": (_("The interval is out of range"), _("Choose %(low)s to %(high)s days.")),
    "version_too_early": (_("It is too early for another version"), _("The next one can be made from %(free_at)s.")),
    "quota_versions": (_("The key has all the versions it can have"), _("A key may have %(limit)s versions.")),
    "rotation_not_due": (_("Rotation is not due"), _("Only the clock does this, on the next rotation date.")),
    # service keys
    "service_code": (_("The product code is not valid"), _("Small letters and digits, as in ecs.")),
    "not_this_service": (_("The key belongs to somebody else"), _("A service uses its own key and the default key only.")),
    # the keys above keys
    "hardware_key_in_hsm": (_("The keys of this instance are in its HSM"),
                            _("Its instance key only seals where they are, and opens nothing without the HSM.")),
    "no_instance_key": (_("There is no instance key"), _("An instance has one from being enabled to its release.")),
    "rotation_under_way": (_("A rotation of the instance key is under way"),
                           _("The clock ends it, usually within minutes. Then the next one can begin.")),
    # instance
    "instance_expired": (_("The instance has expired"),
                         _("%(name)s expired on %(end_at)s. Its keys work again as soon as it is renewed. "
                           "After %(renew_by)s it is released.")),
    "instance_released": (_("The instance is released"), _("%(name)s is gone with its keys. Nobody can bring it back.")),
    "instance_not_enabled": (_("The instance is not enabled"), _("%(name)s takes keys once it is enabled.")),
    "instance_not_ready": (_("The instance gives no service"), _("%(name)s is in the state %(state)s.")),
    "instance_already_enabled": (_("The instance is enabled already"), _("%(name)s is in the state %(state)s.")),
    "quota_keys": (_("The instance is full"), _("%(name)s holds %(used)s of %(limit)s key versions.")),
    "months_out_of_range": (_("The period is out of range"), _("Choose %(low)s to %(high)s months.")),
    # the life of an instance
    "instance_name_syntax": (_("The name has characters that are not allowed"),
                             _("Use 1 to 128 letters, digits and / _ + = . @ -.")),
    "no_such_plan": (_("There is no such plan"), _("Calls per second may be %(plans)s.")),
    "auto_renewal_months": (_("The period is not offered"), _("Renew automatically for %(months)s months.")),
    "only_upwards": (_("Nothing can be made smaller"), _("%(name)s is %(low)s and can only be raised.")),
    "quota_vpcs": (_("Too many VPCs"), _("%(name)s has %(limit)s units of access management, and this needs %(used)s.")),
    "vpcs_syntax": (_("The list of VPCs is not understood"), _("Each needs VpcId and VSwitchId, and stands there once.")),
    "network_syntax": (_("The ID is not understood"), _("%(name)s takes letters, digits and hyphens.")),
    "pay_as_you_go_has_no_term": (_("Pay-as-you-go has no term"), _("%(name)s runs until it is released.")),
    "subscription_is_unsubscribed": (_("A subscription is not released but unsubscribed"),
                                     _("ReleaseKmsInstance is for pay-as-you-go; use RefundInstance for %(name)s.")),
    "pay_as_you_go_is_released": (_("Pay-as-you-go is not unsubscribed but released"), _("Use ReleaseKmsInstance for %(name)s.")),
    "no_backup": (_("There is no backup"), _("%(name)s holds %(keys)s keys that would be lost for good.")),
    "backup_older_than_keys": (_("The backup is too old"), _("It began on %(backup_at)s, and a key was made on %(newest_at)s.")),
    "no_backup_since_the_end": (_("There is no backup since the end of the term"),
                                _("%(name)s holds %(keys)s keys. The clock releases it once a backup has begun after "
                                  "%(end_at)s.")),
    "release_not_due": (_("The release is not due"), _("%(name)s can be renewed until %(renew_by)s.")),
    "instance_not_due": (_("The date has not come"), _("Only the clock does this, at the date.")),
    # deletion protection
    "deletion_protection_key": (_("Deletion protection is on"), _("It is set on this key.")),
    "deletion_protection_instance": (_("Deletion protection is on"),
                                     _("It is set on the instance %(name)s.")),
    **migration_texts.TEXTS,
    # parameters
    "window_out_of_range": (_("The waiting time is out of range"), _("Choose %(low)s to %(high)s days.")),
    "alias_syntax": (_("The alias has characters that are not allowed"),
                     _("Use letters, digits, hyphen, underscore and slash, at most 255.")),
    "alias_reserved": (_("This prefix is reserved"), _("Names that begin with acs belong to service keys.")),
    "AliasAlreadyExists": (_("The alias is taken"),
                           _("%(alias)s points at a key already. Choose another name, or point it at this key.")),
    "plaintext_size": (_("The data is too long"), _("A key encrypts up to 6,144 bytes. For more, use a data key.")),
    "data_key_size": (_("The data key has a wrong length"), _("Ask for 1 to 1,024 bytes.")),
    "bad_ciphertext": (_("The ciphertext cannot be decrypted"), _("It was changed, cut off, or encrypted with another context.")),
    "too_long": (_("The text is too long"), _("%(name)s may have %(limit)s characters.")),
    "unknown_value": (_("The value is unknown"), _("%(name)s does not know %(value)s.")),
    "unknown_filter": (_("The filter is unknown"), _("Clear the filter and choose again.")),
    "too_many_tags": (_("There are too many tags"), _("A key may have %(limit)s tags.")),
    "tag_name_length": (_("The name of a tag is too long or empty"), _("Use 1 to %(limit)s characters.")),
    "too_many": (_("There are too many values"), _("%(name)s takes %(limit)s at most.")),
    "only_one_of": (_("Only one of these can be named"), _("Give one of %(names)s.")),
    "not_a_key_arn": (_("This is not the ARN of a key"), _("%(name)s takes the full ARN of a key.")),
    "Duplicate.TagKey": (_("A tag is there twice"), _("Every tag needs a name of its own.")),
    "InvalidParameter.TagKey": (_("The name of a tag is not allowed"), _("%(name)s cannot be the name of a tag.")),
    "InvalidParameter.TagValue": (_("The value of a tag is not allowed"),
                                  _("The value of %(name)s has characters that are not allowed.")),
    "not_base64": (_("The value is not Base64"), _("%(name)s must be Base64 without line breaks.")),
    "out_of_range": (_("The value is out of range"), _("%(name)s may be %(low)s to %(high)s.")),
    "InvalidParameter": (_("A value is not allowed"), _("%(name)s has a value that is not allowed.")),
    "MissingParameter": (_("A value is missing"), _("%(name)s is needed.")),
    # what fits which key, and what fits into it
    "needs_symmetric_key": (_("This needs a symmetric key"), _("%(key)s is of the spec %(spec)s, for %(usage)s.")),
    "needs_encryption_key_pair": (_("This needs a key pair for encryption"),
                                  _("%(key)s is of the spec %(spec)s, for %(usage)s.")),
    "needs_signing_key": (_("This needs a key for signing"), _("%(key)s is of the spec %(spec)s, for %(usage)s.")),
    "needs_mac_key": (_("This needs an HMAC key"), _("%(key)s is of the spec %(spec)s, for %(usage)s.")),
    "needs_key_pair": (_("This needs a key pair"), _("%(key)s is of the spec %(spec)s, for %(usage)s.")),
    "algorithm_does_not_fit": (_("The algorithm does not fit the key"),
                               _("%(algorithm)s does not work with a key of the spec %(spec)s.")),
    "sm2_without_library": (_("SM2 is not offered here"), _("%(value)s needs a well-kept library for SM2, and there is none.")),
    "spec_without_library": (_("This key spec is not offered here"), _("%(spec)s needs a well-kept library, and there is none.")),
    "usage_does_not_fit": (_("The usage does not fit the key spec"), _("A key of the spec %(spec)s is not made for %(usage)s.")),
    "default_key_is_aes_256": (_("The default key is an AES-256 key"), _("For %(spec)s, create a key in an instance.")),
    "digest_length": (_("The digest has a wrong length"), _("For this algorithm it has %(length)s bytes.")),
    "bytes_out_of_range": (_("The data has a wrong length"), _("%(name)s may have 1 to %(limit)s bytes.")),
    "public_key_not_rsa_2048": (_("The public key cannot be used"),
                                _("It must be an RSA key of 2,048 bits, as Base64 of DER (SubjectPublicKeyInfo).")),
    "data_key_too_long_to_export": (_("The data key is too long for the public key"), _("At most %(limit)s bytes go under it.")),
    "provider_cannot": (_("The key store cannot do this"), _("The back end of %(key)s never does this.")),
    **backup_texts.TEXTS,
    # what is not offered, or not yet
    "spec_needs_hardware": (_("This key spec needs a hardware instance"),
                            _("A software instance does not make keys of the spec %(spec)s.")),
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

# A second way out, where there are two.
ALSO = {"legacy_read_only": "page:migration"}
# Who switched a protection on, and why; rows of earlier versions do not know.
SWITCHED_ON = _("%(by)s switched it on, %(at)s.")
GROUND = _("Reason: “%(description)s”.")


def _of_key(view: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda facts: reverse(view, args=[facts["key"]])


def _of_instance(view: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda facts: reverse(f"instances:{view}", args=[facts["instance"]])


def _switch(facts: Mapping[str, Any]) -> str:
    """The protection that is on: of the instance, or of the key itself."""
    if "instance" in facts:
        return reverse("instances:protection", args=[facts["instance"]])
    return reverse("keys:protection", args=[facts["key"]])


WAYS: dict[str, tuple[Words, Callable[[Mapping[str, Any]], str]]] = {
    "EnableKey": (_("Enable key"), _of_key("keys:enable")),
    "CancelKeyDeletion": (_("Cancel deletion"), _of_key("keys:cancel_deletion")),
    "RenewInstance": (_("Renew the instance"), _of_instance("renew")),
    "ConnectKmsInstance": (_("Enable the instance"), _of_instance("enable")),
    "ModifyInstance": (_("Upgrade the instance"), _of_instance("upgrade")),
    "RefundInstance": (_("Release the instance"), _of_instance("release")),
    "ReleaseKmsInstance": (_("Release the instance"), _of_instance("release")),
    "page:backups": (_("Go to the backups"), lambda facts: f"{_of_instance('detail')(facts)}#backups"),
    "page:instance": (_("Go to the instance"), _of_instance("detail")),
    "page:connect-hsm": (_("Connect to the HSM"), lambda facts: reverse("instances:connect_hsm", args=[facts["instance"]])),
    "GetParametersForImport": (_("Import material"), _of_key("keys:material")),
    "ImportKeyMaterial": (_("Import material"), _of_key("keys:material")),
    "UpdateRotationPolicy": (_("Set up rotation"), _of_key("keys:rotation")),
    "page:key": (_("Show the key"), _of_key("keys:detail")),
    "page:legacy": (_("Open in the 1.0 console"), _of_key("v1:detail")),
    "page:migration": (_("Go to the migration"), lambda facts: reverse("migration:overview")),
    "page:migration-run": (_("Show the migration"), lambda facts: reverse("migration:run", args=[facts["run"]])),
    "SetDeletionProtection": (_("Go to the switch"), _switch),
    "CreateKey": (_("Create key"), lambda facts: reverse("keys:new")),
    "page:people": (_("Go to the people"), lambda facts: reverse("people:list")),
    "page:password": (_("Change password"), lambda facts: reverse("account_change_password")),
    "page:security": (_("Go to your sign-in page"), lambda facts: reverse("mfa_index")),
    "ReactivateUser": (_("Switch on"), lambda facts: reverse("people:reactivate", args=[facts["user"]])),
    "UpdateAlias": (_("Show the alias"), lambda facts: f"{reverse('aliases:list')}?q={facts['alias'].removeprefix('alias/')}"),
}

COMMANDS: dict[str, str] = {"RenewInstance": "manage.py renew_instance {instance} --months 12"}


def told(refusal: Refusal) -> Told:
    """The refusal in the reader's language. Raises KeyError for a slug without a text."""
    title, sentence = TEXTS[refusal.slug]
    shown = defaultdict(str, {name: _shown(value) for name, value in refusal.facts.items()})
    way, url = WAYS.get(refusal.lifted_by, ("", None))
    address = _address(url, refusal.facts) if url else ""
    also, also_url = WAYS.get(ALSO.get(refusal.slug, ""), ("", None))
    command = COMMANDS.get(refusal.lifted_by, "")
    said = [str(sentence) % shown]
    if refusal.slug.startswith("deletion_protection_"):
        shown["description"] = shown["description"].rstrip(" .。")  # our sentence has its own full stop
        said += [str(text) % shown for text, name in ((SWITCHED_ON, "at"), (GROUND, "description")) if shown[name]]
    return Told(str(title), _joined(said), str(WHO.get(refusal.who, "")), str(way) if address else "", address,
                command.format(**refusal.facts) if command else "", str(also), also_url(refusal.facts) if also_url else "")


def _joined(sentences: Iterable[str]) -> str:
    """Chinese and Japanese sentences stand without a space between them."""
    gap = "" if get_language() in ("ja", "zh-hans") else " "
    return gap.join(sentence for sentence in sentences if sentence)


def _address(url: Callable[[Mapping[str, Any]], str], facts: Mapping[str, Any]) -> str:
    """Empty where the refusal does not know the object: then there is a sentence, but no link."""
    try:
        return url(facts)
    except KeyError:
        return ""


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return dates.clock_time(value)
    if isinstance(value, Trouble):
        return str(hsm_words.TROUBLES[value][0])
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
