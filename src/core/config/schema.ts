/**
 * What a home keeps on disk, as it is read: the types are those of membership/profile.ts.
 *
 *   EVIO_HOME/
 *     control.sock                 control socket of the running node (0600)
 *     networks/.join-<network id>    0600: a profile whose join did not end (config/pending.ts)
 *     networks/<network id>/
 *       profile.json               0600: written by commands (init, join, token, leave)
 *       ledger.log                 0600: what root and admins said (config/ledger-file.ts); only added to
 *       state.json                 0600: written by the running node (receipt, chosen address, port, known members)
 *     relay/ relay.json, state.json  of `evio relay`
 *
 * Secrets are base64url. Files are replaced atomically.
 */
import { z } from 'zod';
import { serviceProtocols } from '../wire/services.js';
import { memberRoles } from '../identity/invite.js';
import type { Agree } from '../lib/agree.js';
import {
  givenRights,
  relayUses,
  profileVersion,
  stateVersion,
  type AnnouncedSubnet,
  type BridgedLan,
  type InviteRecord,
  type KeptSubnets,
  type NodeState,
  type Profile,
  type UsedExit,
} from '../membership/profile.js';

const b64 = z.string().regex(/^[A-Za-z0-9_-]*$/);
const key32 = z.string().regex(/^[A-Za-z0-9_-]{43}$/);
const port = z.number().int().min(0).max(65_535);

const inviteSchema = z.object({
  id: z.string(),
  token: z.string(),
  created: z.number(),
  expires: z.number(),
  uses: z.number().int(),
  role: z.enum(memberRoles),
  tags: z.array(z.string()),
  rights: z.array(z.enum(givenRights)).optional(),
  ephemeral: z.boolean().optional(),
  approvals: z.number().int().optional(),
  revoked: z.boolean(),
});

const announcedSchema = z.object({
  cidr: z.string(),
  shared: z.boolean(),
  since: z.number().int().min(0).max(0xffff_ffff),
});

const bridgedSchema = z.object({ interface: z.string(), force: z.boolean() });

const exitSchema = z.object({ id: z.string(), name: z.string(), allowLan: z.boolean() });

const serviceSchema = z.object({
  name: z.string(),
  protocol: z.enum(serviceProtocols),
  port: z.number().int(),
  text: z.string(),
});

const keptSubnetsSchema = z.object({ document: b64, ranks: z.record(z.string(), z.number()) });

export const profileSchema = z.object({
  version: z.literal(profileVersion),
  network: b64,
  nodeSeed: key32,
  rootSeed: key32.optional(),
  nextRootSeed: key32.optional(),
  invite: b64.optional(),
  inviteSeed: key32.optional(),
  name: z.string(),
  role: z.enum(memberRoles),
  wantedIp: z.string().optional(),
  credential: b64,
  links: z.array(z.string()).optional(),
  allowedRanges: z.array(z.string()).optional(),
  announced: z.array(announcedSchema).optional(),
  acceptedRoutes: z.array(z.string()).optional(),
  bridge: bridgedSchema.optional(),
  exit: exitSchema.optional(),
  services: z.array(serviceSchema).optional(),
  paths: z
    .object({
      relays: z.enum(relayUses).optional(),
      iceServers: z.array(z.string()).optional(),
      proxy: z.string().optional(),
    })
    .optional(),
  device: z.string().default('evio%d'),
  port: port.default(0),

  invites: z.array(inviteSchema).default([]),
});

export const stateSchema = z.object({
  version: z.literal(stateVersion),
  credential: b64.optional(),
  port: port.optional(),
  members: z.array(b64).default([]),
  subnets: z.array(keptSubnetsSchema).optional(),
  endpoints: z.record(z.string(), z.array(z.string())).default({}),
  relayAddresses: z.record(z.string(), z.array(z.string())).optional(),
  farewells: z.array(b64).optional(),
  seen: z.record(z.string(), z.number()).optional(),
  uses: z
    .record(z.string(), z.object({ notAfter: z.number(), nodes: z.record(z.string(), z.number()) }))
    .optional(),
});

/** A field in one and not in the other fails to compile here. */
true satisfies Agree<z.infer<typeof inviteSchema>, InviteRecord>;
true satisfies Agree<z.infer<typeof announcedSchema>, AnnouncedSubnet>;
true satisfies Agree<z.infer<typeof bridgedSchema>, BridgedLan>;
true satisfies Agree<z.infer<typeof exitSchema>, UsedExit>;
true satisfies Agree<z.infer<typeof keptSubnetsSchema>, KeptSubnets>;
true satisfies Agree<z.infer<typeof profileSchema>, Profile>;
true satisfies Agree<z.infer<typeof stateSchema>, NodeState>;
