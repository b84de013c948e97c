using System.Reflection;
using System.Runtime.InteropServices;
using RpcNet.Transports.Ngtcp2;

namespace RpcNet.Transports.Tests.Ngtcp2;

/// <summary>Where managed code calls native code, and where it is called by it.</summary>
public sealed class NativeSurfaceTests
{
    private const BindingFlags Every =
        BindingFlags.Static | BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;

    // They neither allocate nor call anything that throws.
    private static readonly string[] s_cannotThrow =
        ["Rand", "RecvTxKey", "RecvCryptoData", "RecvStatelessReset", "GetConnection"];

    private static IEnumerable<MethodInfo> Methods => typeof(Ngtcp2Transport).Assembly.GetTypes().SelectMany(type => type.GetMethods(Every));

    [Fact]
    public void PInvoke_EachDeclaration_IsInTheFolderOfNativeCode()
    {
        var imports = Methods.Where(method => method.Attributes.HasFlag(MethodAttributes.PinvokeImpl)).ToArray();

        Assert.NotEmpty(imports);
        Assert.All(imports, import => Assert.Equal("RpcNet.Transports.Ngtcp2.Internal.Native", import.DeclaringType!.Namespace));
    }

    // The allocator of the checks ends the process by itself.
    [Fact]
    public void Callback_EachThatMayThrow_CatchesEverything()
    {
        var callbacks = Methods.Where(method =>
            method.GetCustomAttribute<UnmanagedCallersOnlyAttribute>() is not null
            && method.DeclaringType!.Name != "CheckedMemory" && !s_cannotThrow.Contains(method.Name)).ToArray();

        Assert.NotEmpty(callbacks);
        Assert.All(callbacks, callback => Assert.Contains(
            callback.GetMethodBody()!.ExceptionHandlingClauses,
            clause => clause.Flags == ExceptionHandlingClauseOptions.Clause && clause.CatchType == typeof(Exception)));
    }
}
