/** The part of a plan (apply-plan.ts) about what a machine does beside being a member: a LAN, a way out, programs. Pure. */
import { serviceProtocols, type Service } from '../core/wire/services.js';
import { z } from 'zod';

const service = z.strictObject({
  name: z.string().describe('Name of the service, as in /etc/services'),
  port: z.number().int().min(1).max(65_535),
  proto: z.enum(serviceProtocols).default('tcp'),
  text: z.string().default('').describe('What stands in its TXT record'),
});

/** Fields of a network in the file. */
export const localFields = {
  bridge: z
    .string()
    .nullable()
    .optional()
    .describe('Interface, or bridge, of the LAN that is bridged with the network; null: none'),
  exit: z
    .strictObject({
      announce: z.boolean().optional().describe('This machine offers itself as a way out'),
      use: z.string().optional().describe('Member by which all traffic goes; "off": none'),
      allowLan: z.boolean().default(false).describe("This machine's own networks are reached as before"),
    })
    .optional(),
  services: z.array(service).optional().describe('Exactly the programs that members find by name'),
};

export interface WantedLocal {
  readonly bridge?: string | null | undefined;
  readonly exit?:
    | {
        readonly announce?: boolean | undefined;
        readonly use?: string | undefined;
        readonly allowLan: boolean;
      }
    | undefined;
  readonly services?: readonly z.output<typeof service>[] | undefined;
}

/** How it stands: as the profile has it. */
export interface PresentLocal {
  readonly bridge: string | undefined;
  readonly announced: boolean;
  readonly use: { readonly id: string; readonly name: string; readonly allowLan: boolean } | undefined;
  readonly services: readonly Service[];
}

export const localKinds = ['bridge', 'exit', 'service'] as const;
type Add = (what: (typeof localKinds)[number], detail: string, ...command: string[]) => void;

/** @param here words that name the network */
export function localChanges(
  { bridge, exit, services }: WantedLocal,
  now: PresentLocal | undefined,
  here: readonly string[],
  add: Add,
): void {
  if (services) {
    const have = now?.services ?? [];
    for (const { name, protocol } of have)
      if (!services.some((one) => one.name === name && one.proto === protocol))
        add(
          'service',
          `announce ${name} no more`,
          'announce',
          name,
          '--proto',
          protocol,
          '--withdraw',
          ...here,
        );
    for (const { name, port, proto, text } of services) {
      const same = (one: Service): boolean =>
        one.name === name && one.protocol === proto && one.port === port && one.text === text;
      const said = text === '' ? [] : ['--text', text];
      if (!have.some(same))
        add('service', `announce ${name}`, 'announce', name, `${port}`, '--proto', proto, ...said, ...here);
    }
  }
  if (bridge === null && now?.bridge !== undefined)
    add('bridge', `bridge ${now.bridge} no more`, 'bridge', '--undo', ...here);
  if (typeof bridge === 'string' && bridge !== now?.bridge)
    add('bridge', `bridge ${bridge}`, 'bridge', bridge, ...here);
  if (exit?.announce !== undefined && exit.announce !== (now?.announced ?? false))
    add(
      'exit',
      exit.announce ? 'offer a way out' : 'offer no way out any more',
      ...['exit', exit.announce ? 'announce' : 'withdraw'],
      ...here,
    );
  if (exit?.use === undefined) return;
  const { use, allowLan } = exit;
  if (use === 'off') {
    if (now?.use) add('exit', `use ${now.use.name} no more`, 'exit', 'use', 'off', ...here);
    return;
  }
  const same = now?.use && [now.use.id, now.use.name].includes(use) && now.use.allowLan === allowLan;
  if (same !== true)
    add('exit', `send all by ${use}`, 'exit', 'use', use, ...(allowLan ? ['--allow-lan'] : []), ...here);
}
