/** What the operator had this machine do beside being a member: it stands in the profile, and outlives a run of the node. */
import type { Profile } from '../membership/profile.js';
import type { BridgeSettings } from './bridge.js';
import type { ExitSettings } from './exit.js';
import type { ServiceSettings } from './services.js';

export interface LocalSettings {
  readonly bridge: BridgeSettings;
  readonly exit: ExitSettings;
  readonly services: ServiceSettings;
}

export function localSettings({ bridge, exit, services }: Profile): LocalSettings {
  return { bridge: { lan: bridge }, exit: { used: exit }, services: { offered: services ?? [] } };
}
