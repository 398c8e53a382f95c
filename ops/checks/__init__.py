"""The doctor's checks: each takes the patient and yields findings; one that can't ask AWS raises an `AwsError`."""
