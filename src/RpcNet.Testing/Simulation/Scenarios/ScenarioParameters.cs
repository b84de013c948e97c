namespace RpcNet.Testing.Simulation.Scenarios;

/// <summary>What the command line can change.</summary>
/// <param name="Nodes">How many nodes.</param>
/// <param name="Minutes">How long the story is, in virtual minutes.</param>
/// <param name="Loss">The share of messages lost or late, each way.</param>
public sealed record ScenarioParameters(int Nodes, double Minutes, double Loss);
