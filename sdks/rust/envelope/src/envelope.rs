use crate::{pb, time, EnvelopeError};
use std::time::SystemTime;

/// Metadata and data of one event. The attributes have CloudEvents' names; an empty text is an absent attribute.
///
/// ```
/// use event_engine_envelope::Envelope;
///
/// let question = Envelope::new("17", "/clients/3", "org.example.question").with_data("6 * 7");
/// let answer = Envelope::new("9", "/solver", "org.example.answer").with_cause_id(&question.id).with_data("42");
/// assert_eq!(answer.cause_id, "17");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Envelope {
    /// Names this event; no two different events of one source have the same. Mandatory.
    pub id: String,
    /// Names what the event comes from: a URI reference, such as `/sensors/7`. Mandatory.
    pub source: String,
    /// Says what kind of event this is, such as `org.example.reading`. Mandatory.
    pub r#type: String,
    /// When it happened, to the nanosecond.
    pub time: Option<SystemTime>,
    /// The media type of the data, such as `application/json`.
    pub datacontenttype: String,
    /// What the event is about, within its source.
    pub subject: String,
    /// The id of the event that led to this one.
    pub cause_id: String,
    /// The event itself.
    pub data: Vec<u8>,
}

impl Envelope {
    /// Makes an envelope of the mandatory attributes.
    pub fn new(id: impl Into<String>, source: impl Into<String>, r#type: impl Into<String>) -> Self {
        Self { id: id.into(), source: source.into(), r#type: r#type.into(), ..Self::default() }
    }

    /// Sets when it happened.
    #[must_use]
    pub fn with_time(mut self, time: SystemTime) -> Self {
        self.time = Some(time);
        self
    }

    /// Sets that it happened now.
    #[must_use]
    pub fn with_time_now(self) -> Self {
        self.with_time(SystemTime::now())
    }

    /// Sets the media type of the data.
    #[must_use]
    pub fn with_datacontenttype(mut self, datacontenttype: impl Into<String>) -> Self {
        self.datacontenttype = datacontenttype.into();
        self
    }

    /// Sets what the event is about.
    #[must_use]
    pub fn with_subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = subject.into();
        self
    }

    /// Sets the id of the event that led to this one.
    #[must_use]
    pub fn with_cause_id(mut self, cause_id: impl Into<String>) -> Self {
        self.cause_id = cause_id.into();
        self
    }

    /// Sets the data.
    #[must_use]
    pub fn with_data(mut self, data: impl Into<Vec<u8>>) -> Self {
        self.data = data.into();
        self
    }

    pub(crate) fn to_message(&self) -> Result<pb::Envelope, EnvelopeError> {
        self.check_mandatory()?;
        let texts =
            [&self.id, &self.source, &self.r#type, &self.datacontenttype, &self.subject, &self.cause_id];
        if texts.iter().any(|text| text.contains('\0')) {
            return Err(EnvelopeError::malformed("a text contains U+0000"));
        }
        Ok(pb::Envelope {
            id: self.id.clone(),
            source: self.source.clone(),
            r#type: self.r#type.clone(),
            time: self.time.map(time::to_timestamp).transpose()?,
            datacontenttype: self.datacontenttype.clone(),
            subject: self.subject.clone(),
            cause_id: self.cause_id.clone(),
            data: self.data.clone(),
        })
    }

    pub(crate) fn from_message(message: pb::Envelope) -> Result<Self, EnvelopeError> {
        let envelope = Self {
            id: message.id,
            source: message.source,
            r#type: message.r#type,
            time: message.time.as_ref().map(time::from_timestamp).transpose()?,
            datacontenttype: message.datacontenttype,
            subject: message.subject,
            cause_id: message.cause_id,
            data: message.data,
        };
        envelope.check_mandatory()?;
        Ok(envelope)
    }

    fn check_mandatory(&self) -> Result<(), EnvelopeError> {
        let mandatory = [("id", &self.id), ("source", &self.source), ("type", &self.r#type)];
        match mandatory.iter().find(|(_, value)| value.is_empty()) {
            Some((name, _)) => Err(EnvelopeError::Missing(name)),
            None => Ok(()),
        }
    }
}
