// sign-in.js — spaces in a pasted one-time code do no harm, and the focus stands where the next entry belongs.

const code = document.querySelector('[data-sign-in] input[name="code"]');
if (code instanceof HTMLInputElement) {
  code.addEventListener("paste", (event) => {
    const digits = event.clipboardData?.getData("text").replace(/\D/g, "") ?? "";
    if (digits.length !== 6) return;
    event.preventDefault();
    code.value = digits;
  });
}
