"""Signing in and one's own account. The names are django-allauth's where it looks for them."""

from __future__ import annotations

from allauth.account import views as allauth
from allauth.socialaccount import views as identities
from django.urls import path

from kmsconsole import oidc, second_factor
from kmsconsole.pages import account, errors

urlpatterns = [
    path("login/", allauth.login, name="account_login"),
    path("login/code/", second_factor.authenticate, name="mfa_authenticate"),
    path("login/passkey/", second_factor.passkey_login, name="mfa_login_webauthn"),
    path("login/by/<str:provider_id>/", oidc.login, name="openid_connect_login"),
    path("login/by/<str:provider_id>/back/", oidc.callback, name="openid_connect_callback"),
    path("login/cancelled/", identities.login_cancelled, name="socialaccount_login_cancelled"),
    path("login/inactive/", allauth.account_inactive, name="account_inactive"),
    path("login/none/", errors.absent, name="account_signup"),
    path("login/none/reset/", errors.absent, name="account_reset_password"),
    path("login/none/set/", errors.absent, name="account_set_password"),
    path("login/none/identity/", errors.absent, name="socialaccount_signup"),

    path("logout/", allauth.logout, name="account_logout"),
    path("password/", allauth.password_change, name="account_change_password"),
    path("confirm/", second_factor.password_again, name="account_reauthenticate"),
    path("confirm/code/", second_factor.code_again, name="mfa_reauthenticate"),
    path("confirm/passkey/", second_factor.passkey_again, name="mfa_reauthenticate_webauthn"),

    path("account/", account.profile, name="account"),
    path("account/security/", account.security, name="mfa_index"),
    path("account/security/app/", second_factor.add_app, name="mfa_activate_totp"),
    path("account/security/app/remove/", second_factor.remove_app, name="mfa_deactivate_totp"),
    path("account/security/passkeys/add/", second_factor.add_passkey, name="mfa_add_webauthn"),
    path("account/security/passkeys/<int:pk>/name/", second_factor.rename_passkey, name="mfa_edit_webauthn"),
    path("account/security/passkeys/<int:pk>/remove/", second_factor.remove_passkey, name="mfa_remove_webauthn"),
    path("account/security/codes/", second_factor.codes, name="mfa_view_recovery_codes"),
    path("account/security/codes/new/", second_factor.new_codes, name="mfa_generate_recovery_codes"),
    path("account/security/identities/<int:number>/disconnect/", oidc.disconnect_identity, name="disconnect_identity"),
    path("account/sessions/", account.own_sessions, name="usersessions_list"),
    path("account/access-keys/", account.own_access_keys, name="own_access_keys"),
]
