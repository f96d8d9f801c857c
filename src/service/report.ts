/** What those who run services have in common: what they are given and what they say. */
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { storageError } from '../core/disk/storage-error.js';
import type { Service, UnitFacts } from './units.js';

export interface ServiceReport {
  readonly service: Service;
  readonly unit: string;
  /** Path of the unit, or of OpenRC's script; null when there is none. */
  readonly path: string | null;
  /** `enabled`, `disabled`, `masked`, …: begins at boot. Null when there is no unit. */
  readonly enabled: string | null;
  /** `active`, `inactive`, `failed`, `activating`, …. */
  readonly active: string;
  /** Process id of the running service. */
  readonly pid: number | null;
  /** What it said of itself last; null when it does not run. */
  readonly status: string | null;
  /** Why it ended, as it said or as the manager saw it; null while it runs, when it was stopped, and where nobody knows. */
  readonly reason: string | null;
  /** Where its state lies; null when there is no unit, or it does not say. */
  readonly home: string | null;
}

/** Next steps of a person whose service does not run, in the manager's own commands. */
export interface ServiceHints {
  readonly log: string;
  /** A command. */
  readonly start: string;
}

/** As a line of its own. */
export function startAgain({ start }: ServiceHints): string {
  return `Start it again: ${start}`;
}

export interface InstallOptions extends UnitFacts {
  /** Begin now, not only at boot. */
  readonly start: boolean;
  /** Words after `evio relay`, kept where an operator can change them; left as they are when undefined. */
  readonly relayWords?: readonly string[] | undefined;
}

/** Who runs the services of a machine. Each call throws EvioError EVIO_SERVICE; those that write, EVIO_STORAGE. */
export interface ServiceManager {
  /** Writes what describes the service, unless a package has brought it, and has it begin at boot. Can be done again. */
  install: (service: Service, options: InstallOptions) => Promise<ServiceReport>;
  /** Stops it, for this time and at boot, and removes what `install` wrote. State is left alone. */
  uninstall: (service: Service) => Promise<ServiceReport>;
  report: (service: Service) => Promise<ServiceReport>;
  /** There is a unit, or a script: costs a look at the disk. */
  installed: (service: Service) => boolean;
  hints: (service: Service) => ServiceHints;
}

/** Written beside and renamed: nobody reads half of it. Throws EvioError EVIO_STORAGE. */
export function putFile(path: string, text: string, mode = 0o644): void {
  const draft = `${path}.${process.pid}`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(draft, text, { mode });
    renameSync(draft, path);
  } catch (thrown) {
    rmSync(draft, { force: true });
    throw storageError(path, thrown);
  }
}
