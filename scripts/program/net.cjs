// node:net, loaded once something of it is called: most pods need nothing of it, and would wait 4 ms for it.
'use strict';
for (const name of ['createConnection', 'isIPv6'])
  Object.defineProperty(exports, name, { enumerable: true, get: () => require('net')[name] });
