// A form with data-passkey holds what WebAuthn is asked, as JSON. Sending it asks the browser first, and puts the answer
// into its field "credential".
"use strict";

const toBytes = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));

const toText = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

const readable = (options) => ({
  ...options,
  challenge: toBytes(options.challenge),
  ...(options.user && { user: { ...options.user, id: toBytes(options.user.id) } }),
  ...Object.fromEntries(
    ["allowCredentials", "excludeCredentials"]
      .filter((name) => options[name])
      .map((name) => [name, options[name].map((one) => ({ ...one, id: toBytes(one.id) }))]),
  ),
});

const written = (credential) => {
  const response = {};
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (credential.response[name]) response[name] = toText(credential.response[name]);
  }
  const { id, type } = credential;
  return JSON.stringify({ id, rawId: toText(credential.rawId), type, response, clientExtensionResults: {} });
};

for (const form of document.querySelectorAll("form[data-passkey]")) {
  const message = form.querySelector("[data-passkey-message]");
  form.addEventListener("submit", async (event) => {
    if (form.elements.credential.value) return;
    event.preventDefault();
    message.hidden = true;
    const publicKey = readable(JSON.parse(form.dataset.passkey));
    try {
      const asked = publicKey.user ? navigator.credentials.create({ publicKey }) : navigator.credentials.get({ publicKey });
      form.elements.credential.value = written(await asked);
      form.submit();
    } catch (error) {
      message.textContent =
        error.name === "InvalidStateError" ? message.dataset.known : message.dataset.failed;
      message.hidden = false;
    }
  });
}
