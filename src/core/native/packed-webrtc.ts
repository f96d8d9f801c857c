/** node-datachannel in the program of one file, as packed-koffi.ts is koffi there: what evio uses of it. */
import type * as Library from 'node-datachannel';
import { loadAddon } from './packed-addon.js';

export const { PeerConnection } = loadAddon('webrtc') as typeof Library;
