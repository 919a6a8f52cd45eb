"use strict";

const { url, header, token } = document.getElementById("document").dataset;

SwaggerUIBundle({
  url,
  dom_id: "#document",
  deepLinking: true,
  validatorUrl: null, // Otherwise the document's address is sent to a service elsewhere.
  requestInterceptor(request) {
    if (token && new URL(request.url, location.href).origin === location.origin) {
      request.headers[header] = token;
    }
    return request;
  },
});
