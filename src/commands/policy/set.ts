import * as Args from '@oclif/core/args';
import { BaseCommand } from '../../cli/base.js';
import { networkFlag } from '../../cli/flags.js';
import { readPolicyFile } from '../../cli/policy-file.js';

export default class PolicySet extends BaseCommand {
  static override summary = 'test a policy, and sign it for the network';
  static override description =
    'Asks the policy what it expects of itself, as "policy test" does, and sets nothing when something does not hold: then it ends with status 1. Else it is signed, and the running node tells the others. Needs the network\'s root key, or to be an admin.';
  static override examples = ['<%= config.bin %> <%= command.id %> home.policy'];
  static override args = {
    file: Args.string({ required: true, description: 'the policy; - is standard input' }),
  };
  static override flags = { network: networkFlag };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(PolicySet);
    const { knownMembers, testPolicy } = await import('../../core/enroll/policy.js');
    const { Store } = await import('../../core/config/store.js');
    const { amendHere } = await import('../../cli/amend.js');
    const { encodePolicy } = await import('../../core/policy/document.js');
    const { toBase64Url } = await import('../../core/lib/bytes.js');
    const { policyTestText } = await import('../../views/text/policy.js');
    const store = new Store(this.home());
    const text = await readPolicyFile(args.file);
    const network = store.pick(flags.network);
    const result = testPolicy(text, knownMembers(store, network, Date.now()));
    this.show(policyTestText(args.file, result));
    if (!result.ok) {
      process.exitCode = 1;
      return result;
    }
    const order = { do: 'policy', document: toBase64Url(encodePolicy(text)) } as const;
    const done = await amendHere(this.home(), network, order, await this.env());
    this.print('It is the policy of the network now.\n');
    await this.sayNotes(done);
    return { ...result, serial: done.policy };
  }
}
