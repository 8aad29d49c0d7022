"""What happens to a store when providers have a bad day: real incidents, analysis, simulation."""
