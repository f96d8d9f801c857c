import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base.js';
import { durationFlag } from '../../cli/flags.js';

export default class RelayInvite extends BaseCommand {
  static override summary = 'make a URL by which another network may use the relay here';
  static override description =
    'The URL is for "evio init --relay URL", on the machine that makes the network. It is a secret: whoever shows it first has a network served. The relay need not run meanwhile, but must have run once.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --expires 30d --uses 5',
  ];

  static override flags = {
    expires: durationFlag({
      default: 7 * 86_400_000,
      defaultHelp: async () => '7d',
      description: 'how long it may be used',
    }),
    uses: Flags.integer({ default: 1, min: 1, max: 4_096, helpValue: 'N', description: 'how many networks' }),
    public: Flags.string({
      helpValue: 'HOST:PORT',
      description: 'where its user reaches the relay [default: what the relay printed when it was started]',
    }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(RelayInvite);
    const { makeRelayInvite } = await import('../../rendezvous/invite.js');
    const invite = await makeRelayInvite(
      this.relayHome().relay,
      { expiresMs: flags.expires, uses: flags.uses, public: flags.public },
      await this.env(),
    );
    const { noteRelayInvite } = await import('../../cli/relay-desk.js');
    await noteRelayInvite(this.relayHome(), await this.env(), invite);
    const what = invite.uses === 1 ? 'one network' : `${invite.uses} networks`;
    this.say(`The relay invite ${invite.id} admits ${what} until ${invite.expires}:`);
    this.print(invite.url);
    return invite;
  }
}
