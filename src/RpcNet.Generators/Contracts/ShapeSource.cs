using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace RpcNet.Generators.Contracts;

/// <summary>C# expressions that give the shape provider which PolyType's generator writes into an assembly.</summary>
internal static class ShapeSource
{
    /// <summary>For a type with [GenerateShape]; null where PolyType generates nothing that this assembly can name.</summary>
    public static string? OfShape(INamedTypeSymbol type) => IsUsable(type) ? OfShapeable(type) : null;

    /// <summary>For a witness class with [GenerateShapeFor].</summary>
    public static string? OfWitness(INamedTypeSymbol type) =>
        IsUsable(type) && !type.IsStatic
            ? $"{type.ToDisplayString(SymbolDisplayFormat.FullyQualifiedFormat)}.GeneratedTypeShapeProvider"
            : null;

    /// <summary>For a message type of another assembly that brings its shape; null where it does not.</summary>
    public static string? OfForeign(ITypeSymbol type, Compilation compilation) =>
        type is INamedTypeSymbol { Arity: 0 } named
        && !SymbolEqualityComparer.Default.Equals(named.ContainingAssembly, compilation.Assembly)
        && IsShapeable(named)
        && compilation.IsSymbolAccessibleWithin(named, compilation.Assembly)
            ? OfShapeable(named)
            : null;

    public static bool IsShapeable(INamedTypeSymbol type) =>
        type.Interfaces.Any(i => Symbols.Is(i, "PolyType", "IShapeable", 1)
            && SymbolEqualityComparer.Default.Equals(i.TypeArguments[0], type));

    private static string OfShapeable(INamedTypeSymbol type) =>
        "global::PolyType.Abstractions.TypeShapeResolver.Resolve<"
        + $"{type.ToDisplayString(SymbolDisplayFormat.FullyQualifiedFormat)}>().Provider";

    private static bool IsUsable(INamedTypeSymbol type)
    {
        if (Symbols.IsGeneric(type) || !Symbols.IsAccessible(type))
        {
            return false;
        }

        for (var t = type; t is not null; t = t.ContainingType)
        {
            if (!t.DeclaringSyntaxReferences.Any(r =>
                r.GetSyntax() is TypeDeclarationSyntax declaration && declaration.Modifiers.Any(SyntaxKind.PartialKeyword)))
            {
                return false;
            }
        }

        return true;
    }
}
