import { type ErrorRule, type ErrorTable, rule } from '../../core/failure.ts';

const again = 'The service failed on its own side; wait a minute and submit the same input again.';
const report = 'Submit again once; if it persists, give the task id to Tencent support.';
const fetchable =
  'Make every address in the input public, quick to answer and valid for hours, then submit again.';

/**
 * Codes of `Header.Code`, the answer to a call.
 * Source: IVH appendix 1, result code dictionary, first table (2025-05-14).
 */
export const ivhCallErrors: ErrorTable = {
  '-101000': rule('cloud', again, true),
  '-101001': rule('capacity', 'The cloud is short of computing power; wait some minutes.', true),
  '-101002': rule(
    'media',
    'The cloud could not fetch the image: make its address public and quick to answer.',
  ),
  '-101003': rule('cloud', again, true),
  '100001': rule('invalid_input', 'Check the type and presence of the parameter that the message names.'),
  '100002': rule('invalid_input', 'Check the value of the parameter that the message names.'),
  '100003': rule('invalid_input', 'Check the type and presence of the parameter that the message names.'),
  '100005': rule(
    'permission',
    'Check IVH_APP_KEY and IVH_ACCESS_TOKEN, and that they may use this task or asset.',
  ),
  '100008': rule(
    'capacity',
    'The account’s concurrent jobs are used up; wait for one to finish or buy concurrency.',
    true,
  ),
  '100009': rule('not_found', 'The resource does not exist, or belongs to another account.'),
  '100013': rule(
    'billing',
    'No hour package, or too little left on it: buy or extend one in the IVH console.',
  ),
  '100015': rule('expired', 'The avatar has expired: extend it in the IVH console.'),
  '100016': rule('not_found', 'The avatar was not found: take virtualman_key from list_assets.'),
  '110005': rule('throttled', 'The same request came twice too quickly; wait a few seconds.', true),
  '110006': rule('not_found', 'The task id is wrong, belongs to another account, or its record is gone.'),
  '110007': rule('expired', 'The avatar key has expired: check its validity in the IVH console.'),
  '801000': rule('cloud', again, true),
  '801002': rule('cloud', again, true),
  '801004': rule('throttled', 'Jobs came too quickly one after another; wait a little between them.', true),
  '801005': rule('moderation', 'The text review refused the words: reword them.'),
};

/**
 * Codes of `Payload.FailCode`, the reason why an accepted task failed. The same number
 * can mean something else here than in a call.
 * Source: IVH appendix 1, result code dictionary, second table (2025-05-14).
 */
export const ivhTaskErrors: ErrorTable = {
  '801000': rule('cloud', again, true),
  '801001': rule('cloud', again, true),
  '801002': rule('cloud', again, true),
  '801003': rule('cloud', report, true),
  '801004': rule('cloud', 'The task crashed while it was made. ' + report, true),
  '801006': rule('cloud', again, true),
  '801007': rule(
    'cloud',
    'The task ran out of time: submit again, with shorter material if it persists.',
    true,
  ),
  '801008': rule('media', 'The cloud could not download a file. ' + fetchable),
  '801009': rule('invalid_input', 'Check the parameter that the message names.'),
  '801010': rule('media', 'The cloud could not open an address. ' + fetchable),
  '801012': rule('cloud', report, true),
  '801014': rule('cloud', 'The cloud lost its own intermediate file; submit again.', true),
  '801015': rule(
    'media',
    'The result could not be stored at your address: check that the signed URL allows PUT and is still valid.',
  ),
  '801401': rule('cloud', 'Speech: the task could not be read. ' + report, true),
  '801402': rule('cloud', 'Speech: a file could not be created. ' + report, true),
  '801403': rule('cloud', 'Speech: the audio was not received. ' + report, true),
  '801404': rule(
    'cloud',
    'Speech: synthesis was refused. Check text, voice and language, then submit again.',
    true,
  ),
  '801405': rule('cloud', 'Speech: converting to mp3 failed. ' + report, true),
  '801501': rule('cloud', 'Video: the parameters could not be read. ' + report, true),
  '801503': rule('cloud', 'Video: a service behind it failed. ' + report, true),
  '801504': rule('cloud', 'Video: joining the parts failed. ' + report, true),
  '801506': rule(
    'cloud',
    'Video: logo, subtitles or joining failed. Check logo and clips, then submit again.',
    true,
  ),
  '801507': rule(
    'media',
    'Video: a picture could not be scaled. Give background and clips in the video’s own resolution.',
    true,
  ),
  '801508': rule('cloud', 'Video: the avatar’s segment could not be measured. ' + report, true),
  '801509': rule(
    'invalid_input',
    'Check start_idx and end_idx: they must lie inside the avatar’s clip, in order.',
  ),
  '801510': rule('media', 'The driving audio’s length is outside the limits: cut or replace it.'),
  '802000': rule('moderation', 'The photo review refused the picture: use another.'),
  '802001': rule('media', 'Use a photo with exactly one clear face.'),
  '802002': rule('cloud', 'Preparing the material failed. ' + report, true),
  '802003': rule(
    'media',
    'The face was lost: use material where one face stays in view, frontal and uncovered.',
  ),
  '802004': rule('cloud', 'Reporting the result failed inside the cloud. ' + report, true),
};

/** The rule for an IVH code that neither table lists: the parameter range, or the cloud's own fault. */
export function unlistedIvhError(code: string): ErrorRule {
  if (/^1000\d\d$/.test(code))
    return rule('invalid_input', 'An undocumented code of the parameter range; read the message.');
  return rule('cloud', 'An undocumented code; give it to Tencent support with the request id.');
}
