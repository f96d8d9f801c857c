import * as Args from '@oclif/core/args';
import { BaseCommand } from '../../../cli/base.js';

export default class RelayInviteRevoke extends BaseCommand {
  static override summary = 'have the relay on this machine take a relay invite no more';
  static override description =
    'At once, also while the relay runs. Networks that came by it stay: "evio relay forget" ends them.';
  static override examples = ['<%= config.bin %> <%= command.id %> 0a1b2c3d4e5f6071'];
  static override args = {
    id: Args.string({
      required: true,
      description: 'id of the invite (see "evio relay invite list"), or the URL itself',
    }),
  };

  async run(): Promise<object> {
    const { args } = await this.parse(RelayInviteRevoke);
    const { revokeRelayInvite } = await import('../../../cli/relay-desk.js');
    const invite = await revokeRelayInvite(this.relayHome(), await this.env(), args.id);
    this.say(`The relay takes the invite ${invite.id} no more.`);
    for (const network of invite.networks) this.say(`The network ${network} came by it, and stays.`);
    return { revoked: invite.id, networks: invite.networks };
  }
}
