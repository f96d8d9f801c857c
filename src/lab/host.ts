/** A machine of the lab, and what it and its site need from the lab around them. */
import { LabProcess, run } from './exec.js';
import type { LaunchOptions, RunOptions, RunResult } from './exec.js';
import type { LinkRules } from './rules.js';
import type { Site } from './site.js';

/** What a site needs from the lab around it. */
export interface PublicSegment {
  readonly prefix: string;
  /** Namespace of the public segment. */
  readonly ns: string;
  /** Ends this process, at the latest, when the lab is destroyed. */
  adopt(process: LabProcess): void;
  /** Makes another namespace of the lab. */
  addNamespace(ns: string): Promise<void>;
  nextV4(): string;
  nextV6(): string;
  /** A /64 of the site's own, without its `::`, such as `2001:db8:7`. */
  nextPrefix(): string;
  /** Configures the public end of this site's uplink. */
  plug(site: Site): Promise<void>;
  /** Installs what the public end of a link does to packets arriving from the site. */
  filterPort(port: string, rules: LinkRules): Promise<void>;
}

/** A machine in the lab: a namespace with one interface, `eth0`. */
export class LabHost {
  readonly name: string;
  readonly ns: string;
  readonly site: Site;
  /** Address of its own interface (inside address behind a NAT). Changes with `site.changeAddress()`. */
  v4: string | undefined;
  v6: string | undefined;
  readonly #segment: PublicSegment;

  constructor(segment: PublicSegment, site: Site, name: string, ns: string) {
    this.#segment = segment;
    this.site = site;
    this.name = name;
    this.ns = ns;
  }

  /** Runs a program here to its end. */
  run(argv: readonly string[], options: Omit<RunOptions, 'ns'> = {}): Promise<RunResult> {
    return run(argv, { ...options, ns: this.ns });
  }

  /** Starts a program here; the lab ends it at the latest when it is destroyed. */
  launch(argv: readonly string[], options: Omit<LaunchOptions, 'ns'> = {}): LabProcess {
    const process = new LabProcess(argv, { ...options, ns: this.ns });
    this.#segment.adopt(process);
    return process;
  }
}
