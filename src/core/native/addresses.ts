/** The addresses of this machine, as the kernel tells. */
import { networkInterfaces } from 'node:os';
import type { LocalAddress } from '../surroundings/candidate.js';

/** Every address of every interface, loopback and our own included. */
export function systemAddresses(): LocalAddress[] {
  return Object.entries(networkInterfaces()).flatMap(([device, list]) =>
    (list ?? []).map(({ address, internal, cidr }) => ({
      device,
      address,
      internal,
      ...(cidr === null ? {} : { prefix: Number(cidr.split('/')[1]) }),
    })),
  );
}
