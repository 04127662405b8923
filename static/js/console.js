// The console's own script. Every page works without it; it only makes dialogs, toasts and copying smooth.
"use strict";
(() => {
  const one = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const modal = () => document.getElementById("modal");

  // Toasts: the server writes them into the page; copying adds one of its own.
  const LIFE = 6000, MOST = 3;
  function live(toast) {
    let timer = setTimeout(() => toast.remove(), LIFE);
    const stop = () => clearTimeout(timer), go = () => { stop(); timer = setTimeout(() => toast.remove(), LIFE); };
    ["mouseenter", "focusin"].forEach(name => toast.addEventListener(name, stop));
    ["mouseleave", "focusout"].forEach(name => toast.addEventListener(name, go));
  }
  function toast(text) {
    const box = one(".toasts"), made = document.createElement("div");
    made.className = "toast";
    made.textContent = text;
    box.append(made);
    all(".toast", box).slice(0, -MOST).forEach(old => old.remove());
    live(made);
  }

  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {  // no permission, or plain http on another machine's name
      const field = document.createElement("textarea");
      field.value = text;
      field.className = "sr";
      (one("dialog[open]") || document.body).append(field);
      field.select();
      document.execCommand("copy");
      field.remove();
    }
    toast(document.body.dataset.copied);
  }

  // Typed confirmation: the button is inert until one of the names stands there. The server checks it again.
  function arm(root) {
    all("[data-must]", root).forEach(field => {
      const button = document.getElementById(field.dataset.arms);
      const names = field.dataset.must.split("\n"), set = () => { button.disabled = !names.includes(field.value.trim()); };
      field.addEventListener("input", set);
      set();
    });
  }

  // The day chips follow the number beside them.
  function chips(field) {
    all("[data-days]", field.form).forEach(chip => chip.setAttribute("aria-pressed", chip.dataset.days === field.value));
  }

  function closeMenus(except) {
    all("details.menu[open]").forEach(menu => { if (!menu.contains(except)) menu.open = false; });
  }

  function darkNow() {
    const set = document.documentElement.dataset.theme;
    return set ? set === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  }

  const onClick = {
    copy: el => copy(el.dataset.copy || one(el.dataset.copyFrom).textContent),
    close: (el, event) => { event.preventDefault(); modal().close(); },
    days: (el, event) => {
      event.preventDefault();
      const field = one("input[type=number]", el.form);
      field.value = el.dataset.days;
      chips(field);
      field.dispatchEvent(new Event("input", { bubbles: true }));
    },
    snippet: (el, event) => {
      event.preventDefault();
      all("[data-snippet]", el.parentNode).forEach(other => {
        const on = other === el;
        if (on) other.setAttribute("aria-current", "true"); else other.removeAttribute("aria-current");
        document.getElementById(other.dataset.snippet).hidden = !on;
      });
    },
    menu: (el, event) => {
      event.preventDefault();
      const open = one("#side").classList.toggle("open");
      el.setAttribute("aria-expanded", open);
      if (open) one("#side a").focus();
    },
  };

  document.addEventListener("click", event => {
    if (!(event.target instanceof Element)) return;
    closeMenus(event.target);
    if (one("#side.open") && !event.target.closest("#side, [data-menu]")) one("#side").classList.remove("open");
    for (const [name, act] of Object.entries(onClick)) {
      const el = event.target.closest(name === "copy" ? "[data-copy], [data-copy-from]" : `[data-${name}]`);
      if (el) { act(el, event); return; }
    }
    if (event.target === modal()) modal().close();
    const menu = event.target.closest("details.menu > div a, details.menu > div button");
    if (menu) menu.closest("details.menu").open = false;
  });

  document.addEventListener("keydown", event => {
    if (event.key !== "Escape") return;
    const menu = one("details.menu[open]");
    if (menu) { menu.open = false; one("summary", menu).focus(); }
    const side = one("#side.open");
    if (side) { side.classList.remove("open"); one("[data-menu]").setAttribute("aria-expanded", "false"); one("[data-menu]").focus(); }
  });

  document.addEventListener("submit", event => {
    const form = event.target;
    if (form.matches("[data-theme-form]")) {
      event.preventDefault();
      const theme = darkNow() ? "light" : "dark";
      document.documentElement.dataset.theme = theme;
      form.elements.theme.value = theme;
      fetch(form.action, { method: "POST", body: new FormData(form), redirect: "manual", keepalive: true });
      return;
    }
    if (form.getAttribute("method") !== "post" || event.submitter?.formMethod === "get") return;
    if (form.dataset.sent) { event.preventDefault(); event.stopImmediatePropagation(); return; }   // a second click posts nothing
    form.dataset.sent = "1";
    const button = event.submitter;
    if (button) {
      button.setAttribute("aria-busy", "true");
      if (button.dataset.busy) button.textContent = button.dataset.busy;
    }
  }, true);

  document.addEventListener("input", event => {
    if (event.target.matches("input[type=number]") && event.target.form) chips(event.target);
  });

  // Dialogs are pages of their own; htmx brings the same form into the one <dialog>.
  document.addEventListener("htmx:afterSwap", event => {
    if (event.detail.target?.id !== "modal") return;
    if (!modal().open) modal().showModal();
    arm(modal());
    const heading = one("[autofocus]", modal());
    if (heading) heading.focus();
  });
  document.addEventListener("htmx:responseError", event => {
    if (event.detail.xhr.status >= 500 || event.detail.xhr.status === 404) location.assign(event.detail.pathInfo.requestPath);
  });
  document.addEventListener("htmx:sendError", event => {
    toast(document.body.dataset.unreachable);
    const form = event.detail.elt.closest("form");
    if (form) {
      delete form.dataset.sent;
      all("[aria-busy]", form).forEach(button => button.removeAttribute("aria-busy"));
    }
  });

  // Coming back by the browser's button: nothing is under way any more.
  window.addEventListener("pageshow", event => { if (event.persisted) location.reload(); });

  document.addEventListener("DOMContentLoaded", () => {
    arm(document);
    all(".toast").forEach(live);
    modal()?.addEventListener("close", () => modal().replaceChildren());
    all("select[data-submits]").forEach(field => field.addEventListener("change", () => field.form.requestSubmit()));
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    if (zone && !document.cookie.split("; ").includes(`zone=${zone}`)) {
      document.cookie = `zone=${zone}; path=/; max-age=31536000; samesite=lax`;
    }
  });
})();
