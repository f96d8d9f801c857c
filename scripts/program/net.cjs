// node:net as far as the plugin needs it, which is one question: a pod would wait 4 ms for the whole of it.
'use strict';
/** As Node asks it (lib/internal/net.js, RFC 4291 section 2.2): an address of IPv6, also with a zone. */
const octet = '(?:[0-9]|[1-9][0-9]|1[0-9][0-9]|2[0-4][0-9]|25[0-5])';
const v4 = `(?:${octet}\\.){3}${octet}`;
const word = '(?:[0-9a-fA-F]{1,4})';
const forms = [
  `(?:${word}:){7}(?:${word}|:)`,
  `(?:${word}:){6}(?:${v4}|:${word}|:)`,
  `(?:${word}:){5}(?::${v4}|(?::${word}){1,2}|:)`,
  `(?:${word}:){4}(?:(?::${word}){0,1}:${v4}|(?::${word}){1,3}|:)`,
  `(?:${word}:){3}(?:(?::${word}){0,2}:${v4}|(?::${word}){1,4}|:)`,
  `(?:${word}:){2}(?:(?::${word}){0,3}:${v4}|(?::${word}){1,5}|:)`,
  `(?:${word}:){1}(?:(?::${word}){0,4}:${v4}|(?::${word}){1,6}|:)`,
  `(?::(?:(?::${word}){0,5}:${v4}|(?::${word}){1,7}|:))`,
];
const v6 = new RegExp(`^(?:${forms.join('|')})(?:%[0-9a-zA-Z-.:]{1,})?$`);

exports.isIPv6 = (text) => v6.test(`${text}`);
