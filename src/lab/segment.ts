/** The public segment of a lab, as sites and their uplinks see it. */
import type { LabProcess } from './exec.js';
import type { LinkRules } from './rules.js';

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
  /** Runs these `ip -batch` lines on the public segment: they configure the public end of an uplink. */
  plug(lines: readonly string[]): Promise<void>;
  /** Installs what the public end of a link does to packets arriving from the site. */
  filterPort(port: string, rules: LinkRules): Promise<void>;
}
