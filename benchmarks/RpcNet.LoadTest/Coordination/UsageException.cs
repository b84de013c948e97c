namespace RpcNet.LoadTest.Coordination;

/// <summary>The command line asks for something that does not exist.</summary>
internal sealed class UsageException(string message) : Exception(message);
