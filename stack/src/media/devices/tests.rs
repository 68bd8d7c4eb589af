//! Constraints are honoured or refused as mediacapture-main says.

use super::*;
use crate::media::codec::{self, Codec};
use crate::media::{picture, tone};
use serde_json::json;

fn video(constraints: Value) -> Result<Settings, ConstraintError> {
    select_settings(Kind::Video, &constraints)
}

fn audio(constraints: Value) -> Result<Settings, ConstraintError> {
    select_settings(Kind::Audio, &constraints)
}

fn size_and_rate(constraints: Value) -> (u32, u32, f64) {
    let settings = video(constraints.clone()).unwrap_or_else(|e| panic!("{constraints}: {e}"));
    (settings.width.unwrap(), settings.height.unwrap(), settings.frame_rate.unwrap())
}

/// The name of the error and of the constraint at fault.
fn refused(result: Result<Settings, ConstraintError>) -> (&'static str, String) {
    let error = result.unwrap_err();
    (error.name(), error.constraint)
}

#[test]
fn without_constraints_a_device_is_as_it_is() {
    assert_eq!(size_and_rate(json!({})), (640, 480, 30.0));
    let settings = audio(json!({})).unwrap();
    assert_eq!((settings.sample_rate, settings.channel_count), (Some(48_000), Some(1)));
    assert_eq!(settings.echo_cancellation, Some(true));
}

#[test]
fn what_is_ideal_is_met_or_approached() {
    let wanted = json!({"width": {"ideal": 1280}, "height": {"ideal": 720}, "frameRate": {"max": 30}});
    assert_eq!(size_and_rate(wanted), (1280, 720, 30.0));
    assert_eq!(size_and_rate(json!({"width": 320, "height": 240, "frameRate": 15})), (320, 240, 15.0));
    assert_eq!(size_and_rate(json!({"width": 10_000, "frameRate": 500})), (1920, 480, 60.0));
    assert_eq!(size_and_rate(json!({"width": 2})).0, 64);
    assert_eq!(size_and_rate(json!({"width": 321})).0, 322);
}

#[test]
fn what_is_exact_is_met_or_refused() {
    assert_eq!(size_and_rate(json!({"width": {"exact": 800}, "height": {"exact": 600}})), (800, 600, 30.0));
    let overconstrained = |constraint: &str| ("OverconstrainedError", constraint.to_owned());
    assert_eq!(refused(video(json!({"width": {"exact": 10_000}}))), overconstrained("width"));
    assert_eq!(refused(video(json!({"width": 320, "height": {"exact": 241}}))), overconstrained("height"));
    assert_eq!(refused(video(json!({"deviceId": {"exact": "nobody"}}))), overconstrained("deviceId"));
    assert_eq!(refused(audio(json!({"channelCount": {"exact": 2}}))), overconstrained("channelCount"));
    assert_eq!(refused(audio(json!({"width": {"exact": 640}}))), overconstrained("width"));
}

#[test]
fn bounds_are_kept_to() {
    assert_eq!(size_and_rate(json!({"width": {"min": 1000}})).0, 1000);
    assert_eq!(size_and_rate(json!({"width": {"min": 1001}})).0, 1002);
    assert_eq!(size_and_rate(json!({"width": {"max": 201}})).0, 200);
    assert_eq!(size_and_rate(json!({"width": {"min": 100, "ideal": 50}})).0, 100);
    assert_eq!(size_and_rate(json!({"frameRate": {"min": 10, "max": 20, "ideal": 25}})).2, 20.0);
    assert_eq!(size_and_rate(json!({"frameRate": {"max": 12.5}})).2, 12.5);
    assert_eq!(
        refused(video(json!({"width": {"min": 800, "max": 400}}))),
        ("OverconstrainedError", "width".to_owned())
    );
    assert_eq!(
        refused(video(json!({"frameRate": {"min": 61}}))),
        ("OverconstrainedError", "frameRate".to_owned())
    );
}

#[test]
fn a_ratio_is_kept_with_the_width_or_the_height() {
    let wide = json!({"width": {"exact": 1280}, "aspectRatio": {"exact": 16.0 / 9.0}});
    assert_eq!(size_and_rate(wide), (1280, 720, 30.0));
    let settings = video(json!({"height": {"exact": 360}, "aspectRatio": 16.0 / 9.0})).unwrap();
    assert_eq!((settings.width, settings.height), (Some(640), Some(360)));
}

#[test]
fn a_device_is_chosen_by_name_and_by_where_it_faces() {
    assert_eq!(video(json!({"deviceId": "camera-environment"})).unwrap().device_id, "camera-environment");
    assert_eq!(
        video(json!({"facingMode": {"exact": "environment"}})).unwrap().device_id,
        "camera-environment"
    );
    assert_eq!(video(json!({"facingMode": ["left", "user"]})).unwrap().device_id, "camera");
    assert_eq!(video(json!({"facingMode": "left"})).unwrap().device_id, "camera");
    assert_eq!(refused(video(json!({"facingMode": {"exact": ["left"]}}))).0, "OverconstrainedError");
}

#[test]
fn processing_can_be_switched_off_one_by_one() {
    let settings = audio(json!({"echoCancellation": false, "noiseSuppression": {"exact": true}})).unwrap();
    assert_eq!(
        (settings.echo_cancellation, settings.noise_suppression, settings.auto_gain_control),
        (Some(false), Some(true), Some(true))
    );
}

#[test]
fn unknown_constraints_are_ignored_and_malformed_ones_are_not() {
    assert_eq!(size_and_rate(json!({"torch": {"exact": true}, "width": 320})).0, 320);
    assert_eq!(size_and_rate(json!({"width": null})).0, 640);
    for (constraints, at) in [
        (json!({"width": "wide"}), "width"),
        (json!({"width": {"exact": "wide"}}), "width"),
        (json!({"facingMode": 7}), "facingMode"),
        (json!({"facingMode": {"ideal": [7]}}), "facingMode"),
        (json!({"echoCancellation": "yes"}), "echoCancellation"),
        (json!({"advanced": {}}), "advanced"),
        (json!(7), "MediaTrackConstraints"),
    ] {
        assert_eq!(refused(video(constraints.clone())), ("TypeError", at.to_owned()), "{constraints}");
    }
}

#[test]
fn advanced_sets_count_if_they_can_be_met() {
    let wanted =
        json!({"advanced": [{"width": 9000}, {"width": 1920, "height": 1080}, {"frameRate": {"max": 10}}]});
    assert_eq!(size_and_rate(wanted), (1920, 1080, 10.0));
    let many: Vec<Value> = (0..500).map(|n| json!({"width": 64 + 2 * n, "aspectRatio": n})).collect();
    assert!(video(json!({"advanced": many})).is_ok());
}

#[test]
fn get_user_media_gives_what_is_asked_for() {
    let devices = Devices::synthetic();
    let kinds = |constraints: Value| {
        devices
            .get_user_media(&constraints)
            .map(|sources| sources.iter().map(Source::kind).collect::<Vec<_>>())
            .map_err(|e| e.name())
    };
    assert_eq!(kinds(json!({"video": true, "audio": true})), Ok(vec![Kind::Audio, Kind::Video]));
    assert_eq!(kinds(json!({"video": {"width": 320}})), Ok(vec![Kind::Video]));
    assert_eq!(kinds(json!({})), Err("TypeError"));
    assert_eq!(kinds(json!({"video": false})), Err("TypeError"));
    assert_eq!(kinds(json!({"audio": true, "video": {"width": {"exact": 1}}})), Err("OverconstrainedError"));
    let none = Devices::none().get_user_media(&json!({"audio": true}));
    assert_eq!(none.err().map(|e| e.name()), Some("NotFoundError"));
}

#[test]
fn applied_constraints_change_the_source_or_leave_it() {
    let devices = Devices::synthetic();
    let source =
        devices.get_user_media(&json!({"video": {"deviceId": "camera-environment"}})).unwrap().remove(0);
    let settings =
        devices.apply_constraints(&source, &json!({"width": {"exact": 160}, "height": 120})).unwrap();
    assert_eq!((settings.width, settings.height), (Some(160), Some(120)));
    assert_eq!(settings.device_id, "camera-environment");
    assert_eq!(source.settings(), settings);
    assert!(devices.apply_constraints(&source, &json!({"deviceId": {"exact": "camera"}})).is_err());
    assert_eq!(source.settings(), settings);
}

/// Writes a file and opens it as a device.
fn device(name: &str, data: &[u8]) -> Result<Source, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, data).unwrap();
    let mut devices = Devices::none();
    devices.add_file("file", &path).map_err(|e| e.to_string())?;
    let key = if devices.list()[0].kind() == Kind::Audio { "audio" } else { "video" };
    Ok(devices.get_user_media(&json!({ key: true })).unwrap().remove(0))
}

fn y4m(count: u16) -> Vec<u8> {
    let mut data = b"YUV4MPEG2 W128 H96 F25:1 Ip C420jpeg\n".to_vec();
    for number in 0..count {
        data.extend(b"FRAME\n");
        data.extend(picture::draw(number, 128, 96).unwrap().data());
    }
    data
}

fn ivf(count: u16) -> Vec<u8> {
    let mut encoder = codec::video_encoder(Codec::Vp8, 128, 96, 25.0, 300_000).unwrap();
    let mut data = b"DKIF\0\0\x20\0VP80".to_vec();
    data.extend([128, 0, 96, 0, 25, 0, 0, 0, 1, 0, 0, 0]);
    data.extend([0; 8]);
    for number in 0..count {
        let frame = picture::draw(number, 128, 96).unwrap();
        let encoded = encoder.encode(&frame, u64::from(number) * 3600, false).unwrap().unwrap();
        data.extend((encoded.data.len() as u32).to_le_bytes());
        data.extend(u64::from(number).to_le_bytes());
        data.extend(encoded.data);
    }
    data
}

#[test]
fn files_of_pictures_play_in_a_loop() {
    for source in [device("a.y4m", &y4m(4)).unwrap(), device("a.ivf", &ivf(4)).unwrap()] {
        let settings = source.settings();
        assert_eq!((settings.width, settings.height, settings.frame_rate), (Some(128), Some(96), Some(25.0)));
        let numbers = [0, 1, 3, 3, 4, 6, 5, 4000].map(|n| picture::read(&source.picture(n, 1.0).unwrap()));
        assert_eq!(numbers, [0, 1, 3, 3, 0, 2, 1, 0].map(Some));
        source.apply(Settings { width: Some(256), height: Some(192), ..settings }).unwrap();
        let scaled = source.picture(2, 1.0).unwrap();
        assert_eq!((scaled.width(), picture::read(&scaled)), (256, Some(2)));
    }
}

#[test]
fn files_of_sound_play_in_a_loop_at_48_khz() {
    for (rate, channels) in [(48_000_u32, 1_u16), (8000, 2), (44_100, 2)] {
        let mut data = Vec::new();
        for n in 0..rate {
            let sample = (f64::from(n) * 1000.0 / f64::from(rate) * std::f64::consts::TAU).sin() * 10_000.0;
            for _ in 0..channels {
                data.extend((sample as i16).to_le_bytes());
            }
        }
        let mut wav = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0".to_vec();
        wav.extend(channels.to_le_bytes());
        wav.extend(rate.to_le_bytes());
        wav.extend([0; 6]);
        wav.extend(16_u16.to_le_bytes());
        wav.extend(b"data");
        wav.extend((data.len() as u32).to_le_bytes());
        wav.extend(&data);
        let source = device("a.wav", &wav).unwrap();
        let heard: Vec<f32> = (45..55).flat_map(|n| source.block(n)).collect();
        let hertz = tone::strongest(&heard).unwrap();
        assert!(hertz.abs_diff(1000) <= 10, "{rate} Hz, {channels} channels: heard as {hertz} Hz");
    }
}

#[test]
fn files_of_other_kinds_and_broken_ones_are_errors() {
    for (name, data, cause) in [
        ("a.mp4", &b"ftyp"[..], "ends neither"),
        ("a.ivf", b"DKIF", "codec"),
        ("a.ivf", b"DKIF\0\0\x20\0VP80\x80\0", "header"),
        ("a.ivf", &ivf(1)[..40], "no pictures"),
        ("a.y4m", b"YUV4MPEG2 W128 H96 C444\n", "4:2:0"),
        ("a.y4m", b"YUV4MPEG2 W128 H96 C420p10\n", "4:2:0"),
        ("a.y4m", b"YUV4MPEG2 W99999 H99999\n", "dimensions"),
        ("a.y4m", b"YUV4MPEG2 W128 H96\nFRAME\nxx", "no pictures"),
        ("a.wav", b"RIFF\0\0\0\0WAVEdata\0\0\0\0", "missing"),
        ("a.wav", b"RIFF\0\0\0\0WAVE", "no data"),
    ] {
        let error = device(name, data).unwrap_err();
        assert!(error.contains(cause), "{name}: {error}");
    }
    let missing = Devices::none().add_file("file", Path::new("/nonexistent/a.wav")).unwrap_err();
    assert!(missing.to_string().contains("/nonexistent/a.wav"));
}
