// Tells the site the time zone of this browser, until somebody chooses one. Without it times are in that of the site.

"use strict";

if (!document.cookie.split("; ").some((one) => one.startsWith("timezone="))) {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone) document.cookie = `timezone=${zone}; path=/; samesite=lax`;
}
