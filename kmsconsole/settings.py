"""All settings, from the environment. A wrong value stops the start. docs/settings.md lists every variable."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from api import rates
from audit import mails, webhooks
from base import clock
from kmsconsole import environment, sign_in

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = environment.private_directory(Path(environment.text("KMS_DATA_DIR") or BASE_DIR / "data").absolute())

# --- the product ------------------------------------------------------------------------------------------------------
KMS_REGION = environment.text("KMS_REGION", "cn-local")
KMS_CONSOLE_PORT = environment.number("KMS_CONSOLE_PORT", 8000)
KMS_API_PORT = environment.number("KMS_API_PORT", 8001)
KMS_BIND = environment.text("KMS_BIND", "127.0.0.1")
KMS_API_WORKERS = environment.number("KMS_API_WORKERS", 2, highest=64)
KMS_API_TLS_CERT, KMS_API_TLS_KEY = environment.text("KMS_API_TLS_CERT"), environment.text("KMS_API_TLS_KEY")
KMS_METRICS_TOKEN = environment.secret("KMS_METRICS_TOKEN")
KMS_TEST_MODE = clock.test_mode()
try:
    KMS_CLOCK_OFFSET = clock.offset()
    KMS_BILLING_ZONE = ZoneInfo(environment.text("KMS_BILLING_ZONE", "Asia/Shanghai"))
    KMS_LEGACY_END_OF_SERVICE = environment.moment("KMS_LEGACY_END_OF_SERVICE", "2025-09-30T00:00+08:00")
    KMS_RATE_LIMITS = rates.parse(environment.text("KMS_RATE_LIMITS"))
except (clock.ClockOffsetError, ZoneInfoNotFoundError, ValueError) as error:
    raise ImproperlyConfigured(str(error)) from None
environment.note("KMS_TEST_MODE", int(KMS_TEST_MODE))
environment.note("KMS_CLOCK_OFFSET", KMS_CLOCK_OFFSET or "")
# --- who signs in, beside the password (kmsconsole/duties.py, kmsconsole/oidc.py)
KMS_REQUIRE_MFA = sign_in.roles(environment.text("KMS_REQUIRE_MFA"))
KMS_OIDC = sign_in.oidc(issuer=environment.text("KMS_OIDC_ISSUER"), client_id=environment.text("KMS_OIDC_CLIENT_ID"),
                        client_secret=environment.secret("KMS_OIDC_CLIENT_SECRET"),
                        name=environment.text("KMS_OIDC_NAME", "OpenID Connect"),
                        role=environment.text("KMS_OIDC_SIGNUP_ROLE"), account=environment.text("KMS_OIDC_ACCOUNT"))
# KMS 1.0 and the way out of it.
KMS_LEGACY_AFTER_END = environment.choice("KMS_LEGACY_AFTER_END", "closed", ("closed", "open"))
KMS_MIGRATION_KEEP_DAYS = environment.number("KMS_MIGRATION_KEEP_DAYS", 7, lowest=0, highest=365)
KMS_MIGRATION_FREEZE_MINUTES = environment.number("KMS_MIGRATION_FREEZE_MINUTES", 60, highest=1440)
KMS_MIGRATION_VENDOR_RULES = environment.flag("KMS_MIGRATION_VENDOR_RULES")
# The root key: from the environment or a file in production, else a 0600 file that the first start makes.
KMS_ROOT_KEY = environment.secret("KMS_ROOT_KEY")
KMS_ROOT_KEY_PATH = DATA_DIR / "root.key"
KMS_ROOT_KEY_NEXT = environment.secret("KMS_ROOT_KEY_NEXT")
KMS_ROOT_KEY_NEXT_PATH = DATA_DIR / "root.next"

# --- messages to people -----------------------------------------------------------------------------------------------
KMS_MAIL_LANGUAGE = environment.choice("KMS_MAIL_LANGUAGE", "en", ("en", "ja", "zh-hans"))
try:
    KMS_MAIL = mails.Post(
        environment.text("KMS_MAIL_HOST"), environment.number("KMS_MAIL_PORT", 587),
        environment.choice("KMS_MAIL_SECURITY", "starttls", mails.SECURITIES), environment.text("KMS_MAIL_USER"),
        environment.secret("KMS_MAIL_PASSWORD"), environment.text("KMS_MAIL_FROM"),
        tuple(address.strip() for address in environment.text("KMS_MAIL_TO").split(",") if address.strip()),
    ) if environment.text("KMS_MAIL_HOST") else None
except ValueError as error:
    raise ImproperlyConfigured(f"KMS_MAIL_FROM, KMS_MAIL_TO, KMS_MAIL_USER: {error}") from None
try:
    KMS_WEBHOOK = webhooks.Webhook(_url, environment.secret("KMS_WEBHOOK_SECRET")) if (
        _url := environment.secret("KMS_WEBHOOK_URL")) else None
except ValueError as error:
    raise ImproperlyConfigured(f"KMS_WEBHOOK_URL, KMS_WEBHOOK_SECRET: {error}") from None
# Backups: their files, and how large one may be that comes from outside.
KMS_BACKUP_DIR = environment.private_directory(Path(environment.text("KMS_BACKUP_DIR") or DATA_DIR / "backups").absolute())
KMS_BACKUP_UPLOAD_MB = environment.number("KMS_BACKUP_UPLOAD_MB", 1024, highest=1_000_000)

# --- Django -----------------------------------------------------------------------------------------------------------
SECRET_KEY = environment.secret("DJANGO_SECRET_KEY") or environment.secret_in_file(DATA_DIR / "django-secret")
DEBUG = environment.flag("KMS_DEBUG")
ALLOWED_HOSTS = environment.text("KMS_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]").split(",")
CSRF_TRUSTED_ORIGINS = [origin for origin in environment.text("KMS_TRUSTED_ORIGINS").split(",") if origin]
INSTALLED_APPS = [
    "audit",
    "access",
    "instances",
    "keys",
    "migration",
    "backups",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "csp",
    "django_htmx",
    "lucide",
    "template_partials",
    "kmsconsole",  # last: its admin makes what the others registered read-only
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "kmsconsole.middleware.request_id",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "kmsconsole.middleware.caller",
    "kmsconsole.middleware.no_nul",
]
ROOT_URLCONF = "kmsconsole.urls"
WSGI_APPLICATION = "kmsconsole.wsgi.application"
TEMPLATES = [{
    "BACKEND": "django.template.backends.django.DjangoTemplates",
    "DIRS": [BASE_DIR / "templates"],
    "APP_DIRS": True,
    "OPTIONS": {"context_processors": [
        "django.template.context_processors.request",
        "django.contrib.auth.context_processors.auth",
        "django.contrib.messages.context_processors.messages",
        "kmsconsole.context.frame",
    ]},
}]

# --- data -------------------------------------------------------------------------------------------------------------
DATABASES = {"default": environment.database_url("DATABASE_URL", f"sqlite:///{DATA_DIR / 'kms.sqlite3'}")}
DATABASES["default"]["CONN_MAX_AGE"] = 600
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # WAL and IMMEDIATE: with Django's defaults four writers lose 8 % of their rows to "database is locked".
    # FULL: what was answered survives a power cut. secure_delete: overwritten material is gone from the file as well.
    # The engine is Django's, but its transactions take turns: SQLite's own waiting starves beside a busy API.
    DATABASES["default"]["ENGINE"] = "audit.sqlite3"
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        # A checkpoint after 16 MiB instead of 4: whoever commits then waits for it, one commit in a hundred of a busy API.
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA secure_delete=ON;"
                        " PRAGMA wal_autocheckpoint=4000;",
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# Shared by all processes: a counter per process would double the tries of a password guesser. Django keeps 300 entries unless
# told otherwise: whoever comes from many addresses could push the counter of an account out.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "kms_cache",
                      "OPTIONS": {"MAX_ENTRIES": 100_000}}}

# --- people -----------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "access.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
ACCOUNT_ADAPTER = "kmsconsole.login.Adapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_RATE_LIMITS = {"login_failed": "10/m/ip,5/15m/key"}
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_FORMS = {"change_password": "kmsconsole.login.ChangePassword"}
MFA_ADAPTER = "kmsconsole.second_factor.Adapter"
MFA_FORMS = {name: f"kmsconsole.second_factor.{form}" for name, form in {
    "activate_totp": "ActivateTOTP", "add_webauthn": "AddForm", "login_webauthn": "LoginForm",
    "authenticate_webauthn": "AuthenticateForm", "reauthenticate_webauthn": "AgainForm"}.items()}
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_RECOVERY_CODE_COUNT = 10
MFA_TOTP_ISSUER = "KMS Console"
SOCIALACCOUNT_ADAPTER = "kmsconsole.oidc.Adapter"
SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"OAUTH_PKCE_ENABLED": True}}
SOCIALACCOUNT_REAUTHENTICATION_REQUIRED = True
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
SESSION_COOKIE_AGE = 12 * 60 * 60
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = environment.flag("KMS_HTTPS")
CSRF_COOKIE_SAMESITE = "Lax"

# --- pages ------------------------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("ja", "日本語"), ("zh-hans", "简体中文")]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"
USE_THOUSAND_SEPARATOR = True
STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
# No nonce at all: then nobody can add an inline script by habit.
CONTENT_SECURITY_POLICY = {"DIRECTIVES": {
    "default-src": [NONE], "script-src": [SELF], "style-src": [SELF], "img-src": [SELF, "data:"], "font-src": [SELF],
    "connect-src": [SELF], "frame-ancestors": [NONE], "base-uri": [NONE],
    # A browser asks this also where our form is answered by a redirect to the identity provider.
    "form-action": [SELF, *([KMS_OIDC.origin] if KMS_OIDC else [])],
}}

# --- the clock --------------------------------------------------------------------------------------------------------
# A job message is a nudge, the truth is a row: every task is a sweep over what is due, so a lost, late or doubled
# message changes nothing, and the file system is broker enough for one machine.
CELERY_BROKER_URL = environment.secret("KMS_BROKER_URL") or environment.secret("REDIS_URL") or "filesystem://"
if CELERY_BROKER_URL == "filesystem://":
    _queue = environment.private_directory(DATA_DIR / "queue")
    _control = environment.private_directory(DATA_DIR / "queue-control")
    CELERY_BROKER_TRANSPORT_OPTIONS = {"data_folder_in": str(_queue), "data_folder_out": str(_queue),
                                       "control_folder": str(_control), "polling_interval": 0.1}
    CELERY_BROKER_URL = "filesystem://localhost"  # the transport never looks at the host, but warns without one
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False

# --- logs -------------------------------------------------------------------------------------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": environment.choice("KMS_LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR"))},
    "loggers": {
        "celery.app.trace": {"level": "WARNING"},
        # Django's request logger prints the path with its query; the API never runs through it, the console must not.
        "django.request": {"level": "ERROR"},
    },
}
