/** What a colour says, the same in tables and in the ring. Nothing is told by colour alone but in the ring. */
import type { PeerReport, ReportedState } from '../core/control/schema.js';

export type PathKind = NonNullable<PeerReport['path']>['kind'];

export const stateColour: Readonly<Record<ReportedState | 'down', string>> = {
  connected: 'green',
  connecting: 'yellow',
  idle: 'gray',
  offline: 'gray',
  unreachable: 'red',
  down: 'red',
};

/** Green is what goes from machine to machine; all else is passed on by somebody. */
export const pathColour: Readonly<Record<PathKind, string>> = {
  direct: 'green',
  webrtc: 'cyan',
  relay: 'yellow',
  overlay: 'magenta',
};
