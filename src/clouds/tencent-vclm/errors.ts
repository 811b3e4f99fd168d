import { type ErrorRule, type ErrorTable, rule } from '../../core/failure.ts';

const again = 'The service failed on its own side; wait a minute and submit the same input again.';
const later = 'The account has no room for another job; wait for one to finish.';
const account = 'Check the state of the VCLM resource and the balance in the Tencent Cloud console.';
const lookup =
  'The task id is wrong, belongs to another account, or is older than the 48 hours that a task is kept.';
const body = 'Use a photo of one person, whole body in view, facing the camera, nothing covering the limbs.';
const face = 'Use a photo with one large, sharp, frontal face and nothing covering it.';
const audio = 'Re-encode the audio as mp3 or wav (ffmpeg -i in -ar 44100 out.mp3) and try again.';
const other = 'This code belongs to another VCLM action; report it with the request id if it persists.';

/**
 * Codes of every Tencent Cloud API 3.0 call that concern signing, limits and addressing.
 * Source: Tencent Cloud API 3.0 common error codes; `AuthFailure.*` as in the TC3 signing pages.
 */
const common: ErrorTable = {
  AuthFailure: rule('credentials', 'Check TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY.'),
  'AuthFailure.SignatureExpire': rule(
    'credentials',
    'Set this machine’s clock; a signature lives five minutes.',
    true,
  ),
  'AuthFailure.SignatureFailure': rule(
    'credentials',
    'Check TENCENTCLOUD_SECRET_KEY: the signature does not match.',
  ),
  'AuthFailure.SecretIdNotFound': rule(
    'credentials',
    'Check TENCENTCLOUD_SECRET_ID: the cloud does not know it.',
  ),
  'AuthFailure.InvalidSecretId': rule(
    'credentials',
    'Use an API key (it starts with AKID) as TENCENTCLOUD_SECRET_ID.',
  ),
  'AuthFailure.TokenFailure': rule(
    'credentials',
    'Renew the temporary credentials, TENCENTCLOUD_TOKEN included.',
  ),
  'AuthFailure.InvalidAuthorization': rule(
    'credentials',
    'Check that the keys hold no blanks or line breaks.',
  ),
  'AuthFailure.MFAFailure': rule('credentials', 'Use a key that does not ask for a second factor.'),
  'AuthFailure.UnauthorizedOperation': rule(
    'permission',
    'Grant the key’s user the VCLM permissions in CAM.',
  ),
  UnauthorizedOperation: rule('permission', 'Grant the key’s user the VCLM permissions in CAM.'),
  RequestLimitExceeded: rule(
    'throttled',
    'Too many calls in a second; the server slows down by itself.',
    true,
  ),
  InternalError: rule('cloud', again, true),
  InvalidAction: rule('not_found', 'This host does not offer the action: check the address and the region.'),
  NoSuchVersion: rule('not_found', 'This host does not know API version 2024-05-23: check the address.'),
  ActionOffline: rule(
    'not_found',
    'The action was withdrawn from this host: check the address and the site.',
  ),
  MissingParameter: rule('invalid_input', 'Give the parameter that the message names.'),
  UnknownParameter: rule('invalid_input', 'The cloud no longer takes the parameter that the message names.'),
  ResourceInUse: rule('capacity', 'The resource is busy; wait and try again.', true),
  UnsupportedProtocol: rule('invalid_input', 'Check the address of the cloud: only HTTPS POST is supported.'),
  UnsupportedRegion: rule('invalid_input', 'Set TENCENTCLOUD_REGION to a region where VCLM is offered.'),
};

/**
 * Every VCLM code of the seeds (SubmitPortraitSingJob, 2025-04-25; SubmitImageAnimateJob, 2024-11-28)
 * and of the published SDKs for version 2024-05-23. Spellings are the vendor's, misspellings included.
 */
export const vclmErrors: ErrorTable = {
  ...common,
  'FailedOperation.InnerError': rule('cloud', again, true),
  'FailedOperation.ServerError': rule('cloud', again, true),
  'FailedOperation.RequestTimeout': rule('cloud', again, true),
  'FailedOperation.UnKnowError': rule('cloud', again, true),
  'FailedOperation.SubmitAsspFailed': rule(
    'cloud',
    'Separating voice from music failed; submit the same input again.',
    true,
  ),
  'FailedOperation.JobQueueFull': rule('capacity', 'The cloud’s own queue is full; wait some minutes.', true),
  'RequestLimitExceeded.JobNumExceed': rule('capacity', later, true),
  'RequestLimitExceeded.UinLimitExceeded': rule(
    'throttled',
    'The account makes too many calls; slow down.',
    true,
  ),
  LimitExceeded: rule(
    'capacity',
    'A quota of the account is used up; wait, or raise it in the console.',
    true,
  ),
  ResourceInsufficient: rule('capacity', 'The cloud is short of machines; try again later.', true),
  'ResourceUnavailable.Delivering': rule(
    'billing',
    'The purchase is still being delivered; try again in some minutes.',
  ),
  'ResourceUnavailable.Freeze': rule('billing', 'The account is frozen. ' + account),
  'ResourceUnavailable.InArrears': rule(
    'billing',
    'The account is in arrears: top it up in the Tencent Cloud console.',
  ),
  'ResourceUnavailable.IsOpening': rule(
    'billing',
    'The service is being activated; try again in some minutes.',
  ),
  'ResourceUnavailable.LowBalance': rule(
    'billing',
    'The balance is too low: top it up in the Tencent Cloud console.',
  ),
  'ResourceUnavailable.NotExist': rule(
    'billing',
    'VCLM is not activated for this account: activate it in the console.',
  ),
  'ResourceUnavailable.NotReady': rule('billing', 'The service is not ready yet. ' + account),
  'ResourceUnavailable.Recover': rule('billing', 'The resource was reclaimed: activate the service again.'),
  'ResourceUnavailable.UnknownStatus': rule('billing', account),
  ResourceUnavailable: rule('billing', account),
  'ResourcesSoldOut.ChargeStatusException': rule('billing', account),
  OperationDenied: rule('permission', 'The account may not do this. ' + account),
  UnsupportedOperation: rule('permission', 'This account or region does not support the action.'),
  'FailedOperation.JobNotExist': rule('not_found', lookup),
  'FailedOperation.JobNotFound': rule('not_found', lookup),
  'FailedOperation.TaskNotExist': rule('not_found', lookup),
  'FailedOperation.TaskStatusError': rule('not_found', lookup),
  ResourceNotFound: rule('not_found', lookup),
  'FailedOperation.ImageDecodeFailed': rule(
    'media',
    'The image cannot be read: save it again as a plain JPEG or PNG.',
  ),
  'FailedOperation.ImageNotSupported': rule('media', 'Save the image as JPEG or PNG.'),
  'FailedOperation.ImageResolutionExceed': rule(
    'media',
    'Make the image smaller (ffmpeg -i in -vf scale=1024:-2 out.jpg).',
  ),
  'FailedOperation.ImageSizeExceed': rule(
    'media',
    'The image is too many bytes once base64-encoded: lower its quality or size.',
  ),
  'FailedOperation.ImageRadioExcceed': rule(
    'media',
    'Crop the image: height must be 1.2 to 2 times the width.',
  ),
  'FailedOperation.ImageRatioExcceed': rule('media', 'Crop the image into the documented aspect ratio.'),
  'FailedOperation.ImageRatioExceed': rule('media', 'Crop the image into the documented aspect ratio.'),
  'FailedOperation.FaceSizeTooSmall': rule('media', 'The face is too small. ' + face),
  'FailedOperation.ImageFaceDetectFailed': rule('media', 'No face was found. ' + face),
  'FailedOperation.ImageDetectFaceFailed': rule('media', 'No face was found. ' + face),
  'FailedOperation.ImageCheckNoBody': rule('media', 'No body was found. ' + body),
  'FailedOperation.ImageBodySmall': rule('media', 'The body is too small in the picture. ' + body),
  'FailedOperation.ImageManyPeople': rule('media', 'More than one person is in the picture. ' + body),
  'FailedOperation.ImageBodyJoinsUndetected': rule('media', 'Parts of the body are hidden. ' + body),
  'FailedOperation.KeyPointUndetected': rule('media', 'Parts of the body are hidden. ' + body),
  'FailedOperation.BodyJointsFail': rule('media', 'The body’s key points were not found. ' + body),
  'InvalidParameterValue.InvalidImageAspectRatio': rule(
    'media',
    'Crop the image: width to height must lie between 1:2 and 2:1.',
  ),
  'InvalidParameterValue.InvalidImageFormat': rule('media', 'Save the image as jpg, png, bmp or webp.'),
  'InvalidParameterValue.InvalidImageResolution': rule(
    'media',
    'Scale the image so that each side has 192 to 4096 pixels.',
  ),
  'InvalidParameterValue.InvalidImageSize': rule('media', 'Make the image file at most 10 MB.'),
  'InvalidParameterValue.NoFaceInPhoto': rule('media', 'No face was found. ' + face),
  'InvalidParameterValue.TooLargeFaceAngle': rule('media', 'The face is turned too far. ' + face),
  'InvalidParameterValue.TooLowFaceQuality': rule('media', 'The face is not sharp enough. ' + face),
  'InvalidParameterValue.TooManyFaces': rule('media', 'There is more than one face. ' + face),
  'InvalidParameterValue.TooMuchFaceOcclusion': rule('media', 'The face is covered. ' + face),
  'InvalidParameterValue.TooSmallFaceSize': rule('media', 'The face is too small. ' + face),
  'FailedOperation.AudioDecodeFailed': rule('media', 'The audio cannot be decoded. ' + audio),
  'FailedOperation.AudioProcessFailed': rule('media', 'The audio could not be processed. ' + audio),
  'FailedOperation.AudioProcessNotFinished': rule('cloud', again, true),
  'InvalidParameterValue.InvalidAudioDuration': rule(
    'media',
    'Cut the audio to 2–60 seconds (ffmpeg -i in -t 60 out.mp3).',
  ),
  'InvalidParameterValue.InvalidAudioFormat': rule('media', 'Use mp3, wav or m4a. ' + audio),
  'FailedOperation.ModerationFailed': rule(
    'moderation',
    'The content review refused the material: use another picture or recording.',
  ),
  'FailedOperation.ModerationAudioFailed': rule(
    'moderation',
    'The content review refused the audio: use another recording.',
  ),
  'FailedOperation.TextModerationNotPass': rule(
    'moderation',
    'The content review refused the text: reword it.',
  ),
  'FailedOperation.VideoDecodeFailed': rule(
    'media',
    'The video cannot be decoded: re-encode it as H.264 mp4.',
  ),
  'FailedOperation.VideoDurationExceed': rule('media', 'The video is too long: cut it.'),
  'FailedOperation.VideoFpsExceed': rule(
    'media',
    'Lower the video’s frame rate (ffmpeg -i in -r 25 out.mp4).',
  ),
  'FailedOperation.VideoResolutionExceed': rule('media', 'Scale the video down.'),
  'FailedOperation.VideoSizeExceed': rule('media', 'Make the video file smaller.'),
  'FailedOperation.TemplateFirstFrameNotDetectFace': rule(
    'media',
    'The first frame of the template shows no face.',
  ),
  'FailedOperation.TemplateNotDetectBody': rule('media', 'The template shows no body.'),
  'InvalidParameterValue.InvalidVideoAspectRatio': rule(
    'media',
    'Crop the video into the documented aspect ratio.',
  ),
  'InvalidParameterValue.InvalidVideoDuration': rule('media', 'Cut the video to the documented length.'),
  'InvalidParameterValue.InvalidVideoFPS': rule(
    'media',
    'Set the video’s frame rate (ffmpeg -i in -r 25 out.mp4).',
  ),
  'InvalidParameterValue.InvalidVideoFormat': rule('media', 'Re-encode the video as H.264 mp4.'),
  'InvalidParameterValue.InvalidVideoResolution': rule('media', 'Use a supported resolution.'),
  'InvalidParameterValue.VideoSizeExceed': rule('media', 'Make the video file smaller.'),
  InvalidParameter: rule('invalid_input', 'Check the parameter that the message names.'),
  'InvalidParameter.InvalidParameter': rule('invalid_input', 'Check the parameter that the message names.'),
  'InvalidParameter.TemplateNotExisted': rule('invalid_input', 'Use one of the documented template ids.'),
  InvalidParameterValue: rule('invalid_input', 'Check the value that the message names.'),
  'InvalidParameterValue.ParameterValueError': rule(
    'invalid_input',
    'Check the value that the message names.',
  ),
  'InvalidParameterValue.InvalidModel': rule(
    'invalid_input',
    'The cloud does not offer this mode here: use another.',
  ),
  'InvalidParameterValue.StyleNotExist': rule('invalid_input', other),
  'InvalidParameterValue.StyleStrengthNotExist': rule('invalid_input', other),
  'InvalidParameterValue.UrlIllegal': rule(
    'invalid_input',
    'Give a public http or https address that the cloud can open.',
  ),
  'FailedOperation.ConfirmTaskException': rule('cloud', other),
  'FailedOperation.DownloadError': rule(
    'media',
    'The cloud could not fetch a file: make its address public and quick to answer.',
  ),
  'FailedOperation.DriverFailed': rule('cloud', again, true),
  'FailedOperation.TranslationConfirmHasFinished': rule('cloud', other),
  'FailedOperation.TranslationNotNeedConfirm': rule('cloud', other),
};

const prefixes: ReadonlyArray<readonly [string, ErrorRule]> = [
  ['AuthFailure', rule('credentials', 'Check the Tencent Cloud keys.')],
  ['UnauthorizedOperation', rule('permission', 'Grant the key’s user the VCLM permissions in CAM.')],
  ['RequestLimitExceeded', rule('throttled', 'Too many calls or jobs; wait and try again.', true)],
  ['LimitExceeded', rule('capacity', later, true)],
  ['ResourceInsufficient', rule('capacity', later, true)],
  ['ResourceInUse', rule('capacity', later, true)],
  ['ResourceUnavailable', rule('billing', account)],
  ['ResourcesSoldOut', rule('billing', account)],
  ['ResourceNotFound', rule('not_found', lookup)],
  ['InvalidParameter', rule('invalid_input', 'Check the parameter that the message names.')],
  ['MissingParameter', rule('invalid_input', 'Give the parameter that the message names.')],
  [
    'UnknownParameter',
    rule('invalid_input', 'The cloud does not take the parameter that the message names.'),
  ],
  ['OperationDenied', rule('permission', 'The account may not do this. ' + account)],
  [
    'InvalidAction',
    rule('not_found', 'This host does not offer the action: check the address and the region.'),
  ],
  ['Unsupported', rule('permission', 'This account or region does not support the action.')],
  ['InternalError', rule('cloud', again, true)],
  [
    'FailedOperation',
    rule('cloud', 'The operation failed; read the message, mend the input or try again later.'),
  ],
];

/** The rule for a VCLM code that the table lacks, by its documented prefix. */
export function unlistedVclmError(code: string): ErrorRule {
  return (
    prefixes.find(([prefix]) => code.startsWith(prefix))?.[1] ??
    rule('cloud', 'An undocumented code; report it with the request id.')
  );
}
