"""From refusals to the vendor's error answers: code -> HTTP status and message, and the shape of the body.

Source: reference `api/README.md` 6.2 and 7, `keys.md` 11. Codes marked "ours" are for cases the vendor has no code for.
Needs no Django: the server answers broken HTTP with it before any application code runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from http import HTTPStatus
from typing import Any

from base.clock import iso
from base.refusal import Refusal, Refused

_STATE = "The request was rejected because the key state is {}."

# fmt: off
ERRORS: dict[str, tuple[int, str]] = {
    # the gateway
    "MissingParameter": (400, 'The parameter "{name}" is needed but not provided.'),
    "MissingAccessKeyId": (400, "AccessKeyId is mandatory for this action."),
    "MissingSignature": (400, "Signature is mandatory for this action."),
    "MissingSignatureMethod": (400, "SignatureMethod is mandatory for this action."),
    "MissingSignatureVersion": (400, "SignatureVersion is mandatory for this action."),
    "MissingSignatureNonce": (400, "SignatureNonce is mandatory for this action."),
    "MissingAction": (400, "Action is mandatory for this action."),
    "MissingVersion": (400, "Version is mandatory for this action."),
    "InvalidParameter": (400, 'The specified parameter "{name}" is not valid.'),
    "InvalidParameter.Format": (400, 'The specified parameter "Format" is not valid.'),
    "InvalidAccessKeyId.NotFound": (404, "The Access Key ID provided does not exist in our records."),
    "InvalidAccessKeyId.Inactive": (400, "Specified access key is disabled."),
    # The colon is needed: the old Python SDK splits the message at it, and dies without (6.2).
    "SignatureDoesNotMatch": (400, "Specified signature is not matched with our calculation. server string to sign is:"),
    "IncompleteSignature": (400, "The request signature does not conform to Alibaba Cloud standards."),
    "InvalidSignatureMethod": (400, "The specified signature method or version is not valid."),
    "InvalidTimeStamp.Format": (400, "Specified time stamp is not well formatted: it must look like 2026-01-02T03:04:05Z."),
    "InvalidTimeStamp.Expired": (400, "Specified time stamp or date value is expired."),
    "IllegalTimestamp": (400, 'The input parameter "Timestamp" that is mandatory for processing this request is not supplied.'),
    "SignatureNonceUsed": (400, "Specified signature nonce was used already."),
    "InvalidSecurityToken.NotSupported": (400, "Security tokens are not supported here: this service issues none."),  # ours
    "InvalidAction.NotFound": (404, "The specified action is not found."),
    "InvalidApi.NotFound": (404, "The specified API is not found: this endpoint answers on the path / only."),
    "InvalidVersion": (400, "The specified version is not valid: it must be 2016-01-20."),
    "UnsupportedHTTPMethod": (403, "This http method is not supported."),
    "ParseRequestParameterException": (400, "Server parse parameters exception. Please check your input params."),
    "RequestTooLarge": (413, "The request is too large."),  # ours
    # keys, aliases, instances
    "Forbidden.KeyNotFound": (404, "The specified Key is not found."),
    "Forbidden.KeyVersionNotFound": (404, "The specified Key version is not found."),
    "Forbidden.AliasNotFound": (404, "The specified Alias is not found."),
    "Forbidden.ResourceNotFound": (404, "Resource not found."),
    "Forbidden.NoPermission": (403, "This operation is forbidden by permission system."),
    "Forbidden.AccessKey": (403, "This AccessKey is not enabled."),
    # people, for the console; RAM's codes
    "EntityNotExist.User": (404, "The user does not exist."),
    "EntityNotExist.User.AccessKey": (404, "The AccessKey does not exist."),
    "EntityAlreadyExists.User": (409, "The user already exists."),
    "Rejected.UserConflict": (409, "The request was rejected because of the state of the user."),  # ours
    "Forbidden.DKMSInstanceNotFound": (403, "The specified KMS instance is not found."),
    "Forbidden.DKMSInstanceStateInvalid": (403, "The state of the specified KMS instance does not allow this operation."),
    "Forbidden.NoBackup": (403, "this kms instance no backup, forbidden delete."),
    "Not Found": (404, "The specified policy is not found: a key has one, named default."),
    "Forbidden.KeyPolicyUnSupported": (400, "Key policies are not supported."),
    "Rejected.Disabled": (409, _STATE.format("Disabled")),
    "Rejected.PendingDeletion": (409, _STATE.format("PendingDeletion")),
    "Rejected.PendingImport": (409, _STATE.format("PendingImport")),
    "Rejected.Unavailable": (409, _STATE.format("Unavailable")),
    "Rejected.StateModifiedFailed": (409, "Keystate modified failed."),
    # ours; proposed in keys.md 9, because the vendor's pages name no code
    "Rejected.DeletionProtection": (409, "The request was rejected because deletion protection is enabled for the key."),
    # ours; proposed in migration.md 3, because the vendor's pages name no code
    "Rejected.MigrationInProgress": (409, "Management operations are paused while a migration is running."),
    "Migration.AlreadyRunning": (409, "Another migration of the account is open."),
    "Rejected.ResourceExist": (409, "The resource already exists."),
    "Rejected.LimitExceeded": (400, "The request was rejected because user create resource limit was exceeded."),
    "Rejected.UnsupportedOperation": (400, "Unsupported operation."),
    "Rejected.Throttling": (429, "QPS Limit Exceeded"),
    "UnsupportedOperation": (400, "This action is not supported."),
    "Unsupported.Origin": (400, "This key origin is not valid for this api."),
    "InvalidImportToken": (400, "import token is invalid."),
    "ExpiredImportToken": (400, "import token is expired."),
    "InvalidKeyMaterial": (400, "key material is invalid."),
    "Unsupported.Alias": (400, "Alias is not valid for this api."),
    "Unsupported.ProtectionLevel": (400, "This protection level is not valid for this region"),
    "AliasAlreadyExists": (400, "AliasName Already Exists."),
    "InvalidResourceId.NotFound": (404, "The specified ResourceId is not found."),
    "Forbidden.Opened": (400, "The KMS service is opened already."),
    "Duplicate.TagKey": (400, "The specified tag key is duplicate."),
    "InvalidParameter.TagKey": (400, "The specified tag key is not valid."),
    "InvalidParameter.TagValue": (400, "The specified tag value is not valid."),
    # ours: backups
    "Forbidden.BackupNotFound": (404, "The specified backup is not found."),
    "Forbidden.RestoreNotFound": (404, "The specified restore is not found."),
    "Rejected.BackupState": (409, "The state of the backup does not allow this operation."),
    "InvalidBackup": (400, "The backup cannot be used."),
    "DryRunOperationError": (400, "The request would have succeeded, but DryRun was set."),
    "ValidationError": (400, "The request would have failed: a parameter is missing or not valid."),
    "AccessDeniedError": (403, "The request would have failed: no permission for this operation."),
    "InternalFailure": (500, "Internal Failure."),
    "ServiceUnavailableTemporary": (503, "Service Unavailable Temporary."),
}
# Where one code has several causes that a caller would act on differently.
BY_REASON: dict[str, str] = {
    "action_not_yet": "This action is not supported yet: {action}.",
    "action_legacy": "This action is not supported: {action}.",
    "dry_run_not_supported": "This action cannot be tried with DryRun: {action}.",
    "policy_element": 'The specified parameter "{name}" is not valid: statement {statement}, {element}.',
    "policy_unknown_element": 'The specified parameter "{name}" is not valid: statement {statement}, {element} is not supported.',
    "policy_locks_everybody_out":
        'The specified parameter "{name}" is not valid: nobody of the account could administer the key any more.',
    "no_certificates": "This action is not supported for certificates.",
    "recipient_not_supported": "This action is not supported for attested enclaves: Recipient.",
    "storage_needs_hardware": "This parameter is for hardware instances only: {name}.",
    "hsm_internal_never_rotates": "Unsupported operation: keys with KeyStorageMechanism HsmInternal do not rotate.",
    "spec_not_in_hardware": "This key spec is not supported in hardware instances: {spec}.",
    "spec_not_in_token": "This key spec is not supported by the HSM cluster of the instance: {spec}.",
    "hardware_imports_symmetric_only": "Hardware instances import symmetric key material only.",
    "hardware_needs_cluster": "A hardware instance is connected to its HSM cluster in the console.",
    "material_gone": "The request was rejected because the key material is missing from the key store.",
    "bearer_token_not_supported": "Bearer tokens are not supported. Sign the request with an AccessKey.",
    "client_key_not_supported": "Client keys (SHA256withRSA) are not supported. Sign the request with an AccessKey.",
    "instance_gateway_not_supported": "The protocol of the instance gateway is not supported here.",
    "sm3_not_supported": "SM3 signatures are not supported: the server's cryptographic library has no SM3.",
    "bad_ciphertext": "The specified parameter is not valid.",  # a bad tag, a wrong context, a cut blob: never which
    "query_too_large": "The query string is too large.",
    "body_too_large": "The body is too large.",
    "deletion_protection_instance":
        "The request was rejected because deletion protection is enabled for the KMS instance of the key.",
}
# fmt: on
UNNAMED = "The specified parameter is not valid."
HOST_LIMIT = 255


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the API, good or bad; `body` has RequestId in it."""

    status: int
    body: Mapping[str, Any]
    headers: tuple[tuple[str, str], ...] = ()


class UnknownCode(LookupError):
    """A refusal with a code that stands in no table: a mistake in this program, answered as InternalFailure."""


def status_of(refusal: Refusal) -> int:
    """Raises UnknownCode."""
    try:
        status = ERRORS[refusal.code][0]
    except KeyError:
        raise UnknownCode(refusal.code) from None
    return 414 if refusal.slug == "query_too_large" else status


def message_of(refusal: Refusal) -> str:
    """The vendor's text. Only names from `facts` get into it, and of a V3 signature the line with the digest."""
    template = BY_REASON.get(refusal.slug) or ERRORS[refusal.code][1]
    if "{" not in template:
        return template + str(refusal.facts.get("string_to_sign", ""))
    try:
        return template.format_map(refusal.facts)
    except KeyError:
        return UNNAMED


def plain(value: Any) -> Any:
    """Facts as JSON knows them."""
    if isinstance(value, Mapping):
        return {str(name): plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(part) for part in value]
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, date):
        return value.isoformat()
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def reasons(refused: Refused) -> list[dict[str, Any]]:
    """Beyond the vendor: every reason, what it rests on, and who can lift it by what."""
    return [{"Code": one.code, "Reason": one.slug, "Facts": plain(one.facts), "Who": one.who, "LiftedBy": one.lifted_by}
            for one in refused.refusals]


def host_id(host: str) -> str:
    """The Host header, which clients fill as they like, safe to give back."""
    return "".join(character for character in host if " " < character <= "~")[:HOST_LIMIT]


def answer(refused: Refused, request_id: str, host: str = "", *, explained: bool = False) -> Answer:
    """The error answer. explained: add all reasons, for callers who have proved who they are. Raises UnknownCode."""
    status = status_of(refused.first)
    body = {"HttpStatus": status, "RequestId": request_id, "HostId": host_id(host), "Code": refused.first.code,
            "Message": message_of(refused.first)}
    if explained:
        body["Refusals"] = reasons(refused)
    # The new SDKs raise their ThrottlingException by this header alone (6.3).
    wait = refused.first.facts.get("retry_after_ms")
    return Answer(status, body, (("x-acs-retry-after", str(wait)),) if wait is not None else ())


def failure(request_id: str, host: str = "", code: str = "InternalFailure") -> Answer:
    """An answer without a cause: what went wrong inside is nobody's business outside."""
    return answer(Refused(Refusal(code)), request_id, host)


def status_line(status: int) -> str:
    return f"{status} {HTTPStatus(status).phrase}"
