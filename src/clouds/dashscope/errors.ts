import { type ErrorRule, type ErrorTable, rule } from '../../core/failure.ts';

const again = 'The service failed on its own side; wait a minute and submit the same input again.';
const slower = 'Too many calls; the server slows down by itself.';
const bill = 'Check balance and purchases in the Model Studio console.';
const key =
  'Check DASHSCOPE_API_KEY; it must belong to the Beijing region, the only one that offers VideoRetalk.';

/**
 * Error codes of any Model Studio call.
 * Source: Model Studio error codes page (read 2026-11).
 */
const common: ErrorTable = {
  InvalidParameter: rule('invalid_input', 'Check the parameter that the message names.'),
  InvalidURL: rule('media', 'Give a public http or https address that the cloud can open.'),
  DataInspectionFailed: rule('moderation', 'The content review refused the material: use another.'),
  Arrearage: rule('billing', 'The account is in arrears. ' + bill),
  UnsupportedOperation: rule('invalid_input', 'The task is no longer in a state that allows this.'),
  IPInfringementSuspect: rule('moderation', 'The material is suspected of infringing rights: use another.'),
  InvalidApiKey: rule('credentials', key),
  'NOT AUTHORIZED': rule('credentials', key),
  AccessDenied: rule('permission', 'The key may not do this: check its workspace, the model and the region.'),
  'AccessDenied.Unpurchased': rule('billing', 'Activate Model Studio for this account first.'),
  'Model.AccessDenied': rule('permission', 'Grant the key’s workspace access to the model videoretalk.'),
  'Workspace.AccessDenied': rule('permission', 'The key may not use this workspace.'),
  'AllocationQuota.FreeTierOnly': rule(
    'billing',
    'The free quota is used up: switch off free-tier-only mode in the console.',
  ),
  ModelNotFound: rule(
    'not_found',
    'The model is not offered at this address: VideoRetalk exists in the Beijing region only.',
  ),
  WorkSpaceNotFound: rule('not_found', 'The workspace does not exist.'),
  NotFound: rule('not_found', 'The task or resource does not exist.'),
  Conflict: rule('conflict', 'The same resource was changed at the same time; look again before repeating.'),
  Throttling: rule('throttled', slower, true),
  'Throttling.RateQuota': rule('throttled', slower, true),
  'Throttling.BurstRate': rule('throttled', slower, true),
  'Throttling.AllocationQuota': rule('throttled', slower, true),
  CommodityNotPurchased: rule('billing', bill),
  PrepaidBillOverdue: rule('billing', bill),
  PostpaidBillOverdue: rule('billing', bill),
  InternalError: rule('cloud', again, true),
  'InternalError.Timeout': rule(
    'cloud',
    'The task did not finish within three hours; submit shorter material.',
    true,
  ),
  'InternalError.Algo': rule('cloud', again, true),
  'InternalError.FileUpload': rule('cloud', again, true),
  'InternalError.Upload': rule('cloud', again, true),
  SystemError: rule('cloud', again, true),
  RequestTimeOut: rule('cloud', again, true),
  ModelServiceFailed: rule('cloud', again, true),
  ModelServingError: rule('cloud', again, true),
  ModelUnavailable: rule('cloud', again, true),
};

/**
 * All codes that a VideoRetalk call or task can carry.
 * Source: VideoRetalk API details (undated) and the newer page's spelling of the last one.
 */
export const dashscopeErrors: ErrorTable = {
  ...common,
  'InvalidURL.ConnectionRefused': rule(
    'media',
    'The file’s server refused the connection: make the address public.',
  ),
  'InvalidURL.Timeout': rule(
    'media',
    'The file did not arrive within 60 seconds: use a faster host or a smaller file.',
  ),
  'InvalidFile.Size': rule('media', 'Shrink the file: video 300 MB, audio 30 MB, image 10 MB at most.'),
  'InvalidFile.Format': rule('media', 'Use mp4, avi or mov; wav, mp3 or aac; jpg, png, bmp or webp.'),
  'InvalidFile.Resolution': rule('media', 'Scale the video so that each side has 640 to 2048 pixels.'),
  'InvalidFile.FPS': rule('media', 'Set 15 to 60 frames a second (ffmpeg -i in -r 25 out.mp4).'),
  'InvalidFile.Duration': rule(
    'media',
    'Cut video and audio to 2–120 seconds (ffmpeg -i in -t 120 out.mp4).',
  ),
  'InvalidFile.ImageSize': rule(
    'media',
    'Crop the image to at most 2:1 and at most 4096 pixels on its longest side.',
  ),
  'InvalidFile.Openerror': rule('media', 'The file cannot be decoded: re-encode it.'),
  'InvalidFile.Content': rule('media', 'Use a reference image with exactly one person in it.'),
  'InvalidFile.FaceNotMach': rule(
    'media',
    'The reference face is not in the video: take the image from the video itself.',
  ),
  'InvalidFile.FaceNotMatch': rule(
    'media',
    'The reference face is not in the video: take the image from the video itself.',
  ),
};

/** The rule for a DashScope code that the table lacks: by its family, else by HTTP status where there is one. */
export function unlistedDashscopeError(code: string, status?: number): ErrorRule {
  const family = code.split('.')[0] ?? '';
  if (Object.hasOwn(dashscopeErrors, family) && dashscopeErrors[family]) return dashscopeErrors[family];
  if (code.startsWith('InvalidFile'))
    return rule('media', 'The file breaks a limit of the model; read the message.');
  if (status === 401) return rule('credentials', key);
  if (status === 403) return rule('permission', 'The key may not do this.');
  if (status === 404) return rule('not_found', 'The task or resource does not exist.');
  if (status === 429) return rule('throttled', slower, true);
  if (status !== undefined && status < 500)
    return rule('invalid_input', 'An undocumented code; read the message.');
  return rule('cloud', again, true);
}
