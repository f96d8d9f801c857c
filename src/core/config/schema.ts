/**
 * What a home keeps on disk.
 *
 *   EVIO_HOME/
 *     control.sock                 control socket of the running node (0600)
 *     networks/<network id>/
 *       profile.json               0600: written by commands (init, join, token, leave)
 *       state.json                 0600: written by the running node (receipt, chosen address, port, known members)
 *     relay/ relay.json, state.json  of `evio relay`
 *
 * Secrets are base64url. Files are replaced atomically.
 */
import { z } from 'zod';

export const profileVersion = 1;

const b64 = z.string().regex(/^[A-Za-z0-9_-]*$/);
const key32 = z.string().regex(/^[A-Za-z0-9_-]{43}$/);

/** An invite that this machine made: kept so that it can be listed and revoked. */
export const inviteRecord = z.object({
  id: z.string(),
  token: z.string(),
  created: z.number(),
  expires: z.number(),
  uses: z.number().int(),
  role: z.enum(['switch', 'leaf']),
  tags: z.array(z.string()),
  revoked: z.boolean(),
});
export type InviteRecord = z.infer<typeof inviteRecord>;

export const profileSchema = z.object({
  version: z.literal(profileVersion),
  /** Signed network facts (identity/network.ts). */
  network: b64,
  /** Secret of this node (identity/keys.ts). */
  nodeSeed: key32,
  /** Secret of the network: only on the machine that made it. */
  rootSeed: key32.optional(),
  /** The invite this node joined by, and its secret, so that it can sign its certificate again. */
  invite: b64.optional(),
  inviteSeed: key32.optional(),
  name: z.string(),
  role: z.enum(['switch', 'leaf']),
  /** Address asked for with --ip; otherwise it follows from the node id. */
  wantedIp: z.string().optional(),
  /** Credential as made at init or join (identity/certificate.ts). state.json may hold a later one. */
  credential: b64,
  /** Peers to stay linked with whatever the ring says: names, addresses or ids. */
  links: z.array(z.string()).optional(),
  /** Interface name, kernel pattern. */
  device: z.string().default('evio%d'),
  /** UDP port; 0 lets the node choose one and keep it. */
  port: z.number().int().min(0).max(65_535).default(0),
  invites: z.array(inviteRecord).default([]),
});
export type Profile = z.infer<typeof profileSchema>;

export const stateSchema = z.object({
  version: z.literal(1),
  /** Credential with the relay's receipt, or re-signed after an address clash. */
  credential: b64.optional(),
  /** UDP port of the last run: kept, so that NAT mappings and peers' candidates stay true after a restart. */
  port: z.number().int().min(0).max(65_535).optional(),
  /** Credentials of members seen, newest of each. */
  members: z.array(b64).default([]),
  /** Endpoints at which neighbours were reached, by node id: the way back in when no relay answers. */
  endpoints: z.record(z.string(), z.array(z.string())).default({}),
});
export type NodeState = z.infer<typeof stateSchema>;
