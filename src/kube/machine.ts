/** Networks of this machine, as its interfaces say. */
import { networkInterfaces } from 'node:os';
import type { MachineRange } from './ranges.js';

/** But for these interfaces, and what every machine has. */
export function machineRanges(except: readonly string[]): readonly MachineRange[] {
  return Object.entries(networkInterfaces()).flatMap(([device, addresses = []]) =>
    except.includes(device)
      ? []
      : addresses.flatMap(({ cidr, internal, scopeid }) =>
          cidr === null || internal || (scopeid ?? 0) !== 0 ? [] : [{ device, cidr }],
        ),
  );
}
