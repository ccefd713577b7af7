"""What the two networks are asked to do: `adversarial` has the losses on what the discriminator says, `terms` what is added to them,
`objective` puts them together. All are pure functions of a `Scene`: what one step shows the networks, and what they said of it."""
