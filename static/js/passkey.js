// Hangs django-allauth's passkey script on our button, and says in words what the browser refused.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const button = document.querySelector("[data-passkey]");
  if (!button || !window.PublicKeyCredential) return;   // plain http on another name than localhost has no passkeys
  const [form, role] = button.dataset.passkey.split(" "), box = document.querySelector("[data-passkey-failed]");
  button.closest("[hidden]").hidden = false;
  document.addEventListener("allauth.error", event => {
    event.preventDefault();
    box.textContent = box.dataset.passkeyFailed;
  });
  window.allauth.webauthn.forms[form]({
    ids: { [role]: button.id, credential: "passkey_credential", data: "passkey_data", passwordless: "id_passwordless" },
  });
});
