"""Operations of the vendor that this service does not have yet. A test keeps the list true: with `calls` it is exactly
the reference's list of current operations, and `LEGACY` the list of those that only old SDKs know.
"""

NOT_YET = frozenset({
    "BatchGetSecretValue",
    "CreateApplicationAccessPoint", "CreateClientKey",
    "CreateNetworkRule", "CreatePolicy", "CreateSecret", "DeleteApplicationAccessPoint", "DeleteClientKey",
    "DeleteNetworkRule", "DeletePolicy", "DeleteSecret", "DescribeApplicationAccessPoint",
    "DescribeNetworkRule", "DescribePolicy", "DescribeSecret",
    "GetChallenge", "GetClientKey",
    "GetManagedDataKey", "GetRandomPassword", "GetSecretPolicy",
    "GetSecretValue", "ListApplicationAccessPoints", "ListClientKeys",
    "ListManagedDataKeyVersions", "ListNetworkRules", "ListPolicies",
    "ListSecretVersionIds", "ListSecrets", "PutSecretValue",
    "RestoreSecret", "RotateSecret",
    "SetSecretPolicy",
    "UpdateApplicationAccessPoint", "UpdateNetworkRule", "UpdatePolicy",
    "UpdateSecret", "UpdateSecretRotationPolicy", "UpdateSecretVersionStage",
})

# Removed from the vendor's API in 2026; nothing here will ever do them.
LEGACY = frozenset({
    "AdvanceEncrypt", "CertificatePrivateKeyDecrypt", "CertificatePrivateKeySign",
    "CertificatePublicKeyEncrypt", "CertificatePublicKeyVerify", "CreateCertificate", "DeleteCertificate",
    "DescribeCertificate", "GetCertificate", "UpdateCertificateStatus", "UploadCertificate",
})
