#pragma warning disable CA1852 // Unsealed on purpose: the rules are to find it.
namespace RpcNet.Architecture.Tests.Samples
{
    internal class Open;

    internal class Parent;

    internal sealed class Heir : Parent;
}

namespace RpcNet.Architecture.Tests.Samples.Internal
{
    public sealed class Exposed;
}
