/**
 * Every operation that costs the emulator little, with the codes that its cloud refuses with. Each intent
 * has a mark in its request, by which the emulator's own count of submissions is read. `brief`: a short
 * campaign makes do with these, since every kind of result has to be rendered once.
 */
const avatar = 'k3dda2d3b56f4ec89778f2e032c2e294';
const ivh = {
  capacity: '100008',
  throttle: '801004',
  throttledQuery: '110005',
  refusal: '100013',
  taskFailure: '802001',
  callbacks: true,
};
const vclm = {
  capacity: 'RequestLimitExceeded.JobNumExceed',
  throttle: 'RequestLimitExceeded',
  throttledQuery: 'RequestLimitExceeded',
  refusal: 'InvalidParameterValue.TooManyFaces',
  taskFailure: 'FailedOperation.ModerationFailed',
  signed: true,
};
const spoken = 'Hello there. How are you today?';

export const operations = [
  {
    ...vclm,
    tool: 'submit_portrait_sing',
    brief: true,
    operation: 'SubmitPortraitSingJob',
    lane: 'vclm-portrait-sing',
    input: (at) => ({ image_url: `${at}/portrait.jpg`, audio_url: `${at}/line.mp3`, resolution: '512:512' }),
  },
  {
    ...vclm,
    tool: 'submit_image_animate',
    operation: 'SubmitImageAnimateJob',
    lane: 'vclm-image-animate',
    input: (at) => ({ image_url: `${at}/portrait.jpg`, template_id: 'ke3' }),
  },
  {
    ...ivh,
    tool: 'synthesize_speech',
    brief: true,
    operation: 'tts',
    lane: 'ivh-speech',
    callbacks: false,
    signed: true,
    input: (at) => ({
      input_ssml: `Hello, ${at.split('/').at(-1)}.`,
      timbre_key: 'female_1',
      speed: 1,
    }),
  },
  {
    ...ivh,
    tool: 'make_video',
    operation: 'videomake',
    lane: 'ivh-video',
    signed: true,
    input: (at) => ({
      virtualman_key: avatar,
      input_ssml: spoken,
      speech_param: { speed: 1 },
      video_param: { format: 'Mp4' },
      callback_url: `${at}/callback`,
    }),
  },
  {
    ...ivh,
    tool: 'make_video_advanced',
    operation: 'videomakeadvanced',
    lane: 'ivh-video',
    signed: true,
    input: (at) => ({
      virtualman_key: avatar,
      driver_type: 'OriginalVoice',
      input_audio_url: `${at}/line.mp3`,
      video_param: { format: 'Mp4' },
      callback_url: `${at}/callback`,
    }),
  },
  {
    ...ivh,
    tool: 'video_to_video',
    operation: 'videomakenotrain',
    lane: 'ivh-video-no-training',
    signed: true,
    input: (at) => ({
      ref_video_url: `${at}/clip.mp4`,
      driver_type: 'OriginalVoice',
      input_audio_url: `${at}/line.mp3`,
      callback_url: `${at}/callback`,
    }),
  },
  {
    ...ivh,
    tool: 'photo_to_video',
    brief: true,
    operation: 'phototovideonotrain',
    lane: 'ivh-video-no-training',
    signed: true,
    input: (at) => ({
      ref_photo_url: `${at}/portrait.jpg`,
      driver_type: 'OriginalVoice',
      input_audio_url: `${at}/line.mp3`,
      callback_url: `${at}/callback`,
    }),
  },
  {
    tool: 'video_retalk',
    brief: true,
    operation: 'videoretalk',
    lane: 'dashscope-video-retalk',
    throttle: 'Throttling.RateQuota',
    throttledQuery: 'Throttling.RateQuota',
    refusal: 'Arrearage',
    taskFailure: 'InvalidFile.FaceNotMach',
    listed: true,
    input: (at) => ({
      video_url: `${at}/clip.mp4`,
      audio_url: `${at}/line.mp3`,
      video_extension: true,
    }),
  },
];
