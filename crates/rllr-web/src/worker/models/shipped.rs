//! A model of the page's own host, piece by piece.

use std::collections::BTreeMap;

use burn::tensor::Device;
use rllr_model::SafetensorsStream;

use super::browser::{Host, PieceCache};
use super::load::{Parts, WEIGHTS};
use super::{Ear, Trouble};
use crate::delivery::download::{DownloadError, Downloader, GoOn, Origin, Remark};
use crate::delivery::manifest::{DeliveredFile, Manifest};
use crate::fetch;
use crate::protocol::Event;
use crate::protocol::models::ModelEvent;
use crate::worker::{failure, post};

/// How far the download of a model is.
struct Progress {
    done: u64,
    total: u64,
    cached: u64,
}

/// Fetches the model of this name.
pub(super) async fn fetch(name: &str, device: &Device, ear: &mut Ear<'_>) -> Result<Parts, Trouble> {
    let folder = format!("models/{name}/");
    let text = fetch::text(&format!("{folder}manifest.json"))
        .await
        .map_err(|error| Trouble::Refused(failure::no_manifest(name, &error)))?;
    let manifest =
        Manifest::from_json(&text).map_err(|error| Trouble::Refused(failure::bad_manifest(name, &error)))?;
    let cache = match PieceCache::open().await {
        Ok(cache) => Some(cache),
        Err(reason) => {
            notice(failure::not_kept(&reason));
            None
        }
    };
    let mut downloader = Downloader::new(Host { folder }, cache);
    let mut progress = Progress {
        done: 0,
        total: manifest.bytes(),
        cached: 0,
    };
    let is_weights = |file: &&DeliveredFile| file.name.ends_with(".safetensors");
    let mut small = BTreeMap::new();
    for file in manifest.files.iter().filter(|file| !is_weights(file)) {
        let mut bytes = Vec::new();
        pieces(file, &mut downloader, &mut progress, ear, &mut |piece| {
            bytes.extend_from_slice(piece);
            Ok(())
        })
        .await?;
        small.insert(file.name.clone(), bytes);
    }
    let mut parts = Parts::new(small);
    parts.tokenizer()?;
    let has_single = manifest.files.iter().any(|file| file.name == WEIGHTS);
    for name in parts.weight_files(has_single)? {
        let file = manifest.files.iter().find(|file| file.name == name);
        let file = file.ok_or_else(|| super::bad_model(&format!("the manifest has no {name}")))?;
        let mut stream = SafetensorsStream::new(device);
        pieces(file, &mut downloader, &mut progress, ear, &mut |piece| {
            Parts::push(&mut stream, &name, piece)
        })
        .await?;
        parts.add(&name, stream)?;
    }
    Ok(parts)
}

/// Gives the pieces of a file to `take`, one after the other.
async fn pieces(
    file: &DeliveredFile,
    downloader: &mut Downloader<Host, PieceCache>,
    progress: &mut Progress,
    ear: &mut Ear<'_>,
    take: &mut dyn FnMut(&[u8]) -> Result<(), Trouble>,
) -> Result<(), Trouble> {
    for piece in &file.pieces {
        ear.check()?;
        let Progress { done, total, cached } = *progress;
        let mut on_progress = |bytes: u64| {
            ear.loading((done + bytes).min(total), total, cached);
            if ear.is_stopped() { GoOn::No } else { GoOn::Yes }
        };
        let mut on_remark = |remark| {
            notice(match remark {
                Remark::Damaged { file } => failure::damaged_piece(&file),
                Remark::NotKept(reason) => failure::not_kept(&reason),
            });
        };
        let fetched = downloader.piece(piece, &mut on_progress, &mut on_remark).await;
        let (bytes, origin) = fetched.map_err(|error| match error {
            DownloadError::Stopped => Trouble::Stopped,
            error => Trouble::Refused(failure::download(&error)),
        })?;
        take(&bytes)?;
        progress.done += piece.bytes;
        if origin == Origin::Kept {
            progress.cached += piece.bytes;
        }
        ear.loading(progress.done, progress.total, progress.cached);
    }
    Ok(())
}

fn notice(text: String) {
    post(&Event::Model(ModelEvent::Notice { text }));
}
