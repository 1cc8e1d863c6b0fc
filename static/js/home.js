/** The first page: copying commands. Everything else on it is htmx. */

document.addEventListener("click", async ({ target }) => {
  const button = target.closest("button[data-copy]");
  if (!button) return;
  // Browsers offer the clipboard on loopback and by HTTPS only; elsewhere the text is selected.
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = "copied";
  } else {
    window.getSelection().selectAllChildren(button.previousElementSibling);
  }
});
