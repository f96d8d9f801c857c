/** `evio services` and `evio announce` as plain text. */
import type { OfferedService } from '../../core/control/schema.js';
import { printable, table } from '../format.js';

export function servicesText({
  domain,
  services,
}: {
  readonly domain: string;
  readonly services: readonly OfferedService[];
}): string {
  if (services.length === 0) return 'No service is announced.\n';
  return table(
    ['MEMBER', 'SERVICE', 'ADDRESS', 'NAME', ''],
    services.map(({ member, name, protocol, ip, port, text }) => [
      printable(member),
      printable(name),
      `${ip}:${port}`,
      printable(`_${name}._${protocol}.${member}.${domain}`),
      printable(text),
    ]),
  );
}
