"""Gossip: everybody learns everything by telling somebody now and then."""
