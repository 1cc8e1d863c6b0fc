/**
 * Light or dark: the system's choice until the person makes one, which is remembered.
 * A classic script in the page's head, so that the first paint already has the right colours.
 */
(() => {
  const KEY = "gmemscope.theme";
  const root = document.documentElement;
  const system = window.matchMedia("(prefers-color-scheme: dark)");

  function remembered() {
    try {
      return window.localStorage.getItem(KEY);
    } catch {
      return null; // storage is switched off: the system decides
    }
  }

  /** @param {string} theme */
  function remember(theme) {
    try {
      window.localStorage.setItem(KEY, theme);
    } catch {
      // as above
    }
  }

  /** @param {string} theme */
  function apply(theme) {
    root.dataset.theme = theme;
    const button = document.getElementById("theme-toggle");
    button?.setAttribute("aria-pressed", String(theme === "dark"));
    root.dispatchEvent(new CustomEvent("themechange"));
  }

  const current = () => remembered() ?? (system.matches ? "dark" : "light");

  apply(current());
  system.addEventListener("change", () => apply(current()));
  document.addEventListener("DOMContentLoaded", () => {
    apply(current());
    document.getElementById("theme-toggle")?.addEventListener("click", () => {
      const next = root.dataset.theme === "dark" ? "light" : "dark";
      remember(next);
      apply(next);
    });
  });
})();
